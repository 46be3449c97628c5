//! The plot of goodput over loss.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// One line: a name, and loss and goodput of its points, both in percent.
pub struct Line {
    /// For the legend.
    pub name: String,
    /// Where it goes through.
    pub points: Vec<(f64, f64)>,
}

// Okabe and Ito's palette: told apart by the colour-blind too.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(204, 121, 167),
];

/// Writes `lines` as an SVG to `path`, `title` above them.
pub fn write_svg(path: &Path, title: &str, lines: &[Line]) -> Result<()> {
    crate::report::make_folder(path)?;
    draw(path, title, lines).map_err(|e| anyhow!("{} cannot be drawn: {e}", path.display()))
}

fn draw(path: &Path, title: &str, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
    // A ground of its own: pages are dark or light.
    root.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let worst = points().map(|p| p.0).fold(0.1, f64::max);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..worst * 1.02, 0.0..100.0)?;
    chart
        .configure_mesh()
        .x_desc("random loss, %")
        .y_desc("goodput, % of the link")
        .max_light_lines(0)
        .label_style(("sans-serif", 14))
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(line.points.clone(), colour.stroke_width(2)))?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        chart.draw_series(line.points.iter().map(|&p| Circle::new(p, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.4))
        .label_font(("sans-serif", 14))
        .draw()?;
    root.present()?;
    Ok(())
}
