//! Results as a table and as JSON.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::batch::{Spread, Summary};
use crate::sim::Scenario;

/// One scenario's results.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Random loss, as asked for.
    pub loss: f64,
    /// What was run.
    pub scenario: Scenario,
    /// How often.
    pub seeds: u64,
    /// Over the seeds, flow by flow.
    pub flows: Vec<Summary>,
    /// Jain's index.
    pub jain: Spread,
}

/// A table whose first column is a name and whose others are figures.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn percent(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// The usual columns. Medians over the seeds, and the 5th and 95th percentile where they tell.
pub fn print(entries: &[Entry]) {
    let several = entries.iter().any(|e| e.flows.len() > 1);
    let mut table = table(&[
        "TCP",
        "loss %",
        "goodput %",
        "p5…p95",
        "share %",
        "sent again",
        "needlessly",
        "queue ms",
        "p95 ms",
        "stall ms",
        "p95 ms",
    ]);
    for entry in entries {
        for flow in &entry.flows {
            table.add_row([
                flow.tcp.to_string(),
                format!("{:.4}", entry.loss * 100.0).trim_end_matches('0').trim_end_matches('.').to_owned(),
                percent(flow.goodput_percent.p50),
                format!("{}…{}", percent(flow.goodput_percent.p5), percent(flow.goodput_percent.p95)),
                percent(flow.share_percent.p50),
                format!("{:.0}", flow.retransmissions.p50),
                format!("{:.0}", flow.spurious.p50),
                format!("{:.1}", flow.queue_delay_mean_ms.p50),
                format!("{:.1}", flow.queue_delay_p95_ms.p50),
                format!("{:.0}", flow.longest_stall_ms.p50),
                format!("{:.0}", flow.longest_stall_ms.p95),
            ]);
        }
    }
    println!("{table}");
    for entry in entries.iter().filter(|_| several) {
        println!("Jain's index: {:.3} (p5 {:.3})", entry.jain.p50, entry.jain.p5);
    }
    for entry in entries {
        for flow in entry.flows.iter().filter(|f| f.wrong + f.failed > 0) {
            println!(
                "{} at loss {} %: {} runs broke, {} delivered wrong bytes",
                flow.tcp,
                entry.loss * 100.0,
                flow.failed,
                flow.wrong
            );
        }
    }
}

/// Makes the folder that `path` is to be in.
pub fn make_folder(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Writes `value` to `path`.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    make_folder(path)?;
    let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    serde_json::to_writer_pretty(BufWriter::new(file), value)?;
    Ok(())
}
