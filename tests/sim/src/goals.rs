//! The goals of loss recovery and congestion control, met or missed.

use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::batch::{each_seed, summarize};
use crate::bound::Bound;
use crate::cli::random;
use crate::endpoint::{Libraries, Tcp};
use crate::path::LinkSpec;
use crate::plot::Line;
use crate::reasons::why;
use crate::record::{Record, quantile};
use crate::report;
use crate::sim::{FlowSpec, Outcome, Scenario};
use crate::units::Nanos;

const WINDOW: u32 = 58_400;
const LARGE_WINDOW: u32 = 262_144;
const RTT: Nanos = Nanos::from_millis(40);
/// One bandwidth-delay product of 10 Mbit/s and 40 ms, in full packets on the link.
const BDP_PACKETS: usize = 33;
/// Columns of the main table: random loss, then 1 % reordered.
const LOSSES: [f64; 5] = [0.0, 0.001, 0.01, 0.03, 0.05];
const REORDERED: f64 = 0.01;

const LOSS_BASED: [f64; 6] = [95.0, 92.0, 36.0, 20.0, 15.0, 92.0];
const BBR: [f64; 6] = [93.0, 93.0, 90.0, 85.0, 80.0, 92.0];
/// Of DESIGN.md: what C and smoltcp were measured to do.
pub const REFERENCE_C: [f64; 6] = [95.0, 83.0, 29.0, 8.4, 4.0, 58.0];
/// The same of smoltcp 0.14 with CUBIC.
pub const REFERENCE_SMOLTCP: [f64; 6] = [94.0, 77.0, 29.0, 11.0, 5.5, 44.0];

/// What a figure has to be.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Wanted {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// In this range.
    Between(f64, f64),
    /// As it was measured by others, for comparison.
    Measured(f64),
}

impl Wanted {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Wanted::AtLeast(x) => Some(value >= x),
            Wanted::AtMost(x) => Some(value <= x),
            Wanted::Between(low, high) => Some((low..=high).contains(&value)),
            Wanted::Measured(_) => None,
        }
    }

    fn text(self) -> String {
        match self {
            Wanted::AtLeast(x) => format!("≥ {x}"),
            Wanted::AtMost(x) => format!("≤ {x}"),
            Wanted::Between(low, high) => format!("{low}…{high}"),
            Wanted::Measured(x) => format!("({x})"),
        }
    }
}

/// One line of the goals.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What is measured, and in which unit.
    pub what: String,
    /// Of whom.
    pub tcp: String,
    /// What it should be.
    pub wanted: Wanted,
    /// What it is.
    pub got: f64,
    /// Whether it is as it should be; None for a comparison.
    pub met: Option<bool>,
}

/// Which TCPs are there and what is asked of them.
pub struct Goals<'a> {
    /// Where the endpoints are.
    pub libraries: &'a Libraries,
    /// Seeds of each cell.
    pub seeds: u64,
    /// First seed.
    pub first: u64,
    /// Told of each run.
    pub bar: &'a ProgressBar,
    /// The rows so far.
    pub rows: Vec<Row>,
    /// For the plot.
    pub lines: Vec<Line>,
}

fn link(rate: u64, rtt: Nanos) -> LinkSpec {
    LinkSpec { rate, delay: Nanos(rtt.0 / 2), ..LinkSpec::default() }
}

/// The path of DESIGN.md's figures with `tcps` on it.
pub fn base(tcps: &[&Tcp]) -> Scenario {
    Scenario {
        forward: link(10_000_000, RTT),
        back: link(10_000_000, RTT),
        flows: tcps.iter().map(|tcp| FlowSpec::bulk(tcp)).collect(),
        window: WINDOW,
        duration: Nanos::from_secs(60),
        seed: 0,
    }
}

/// The scenario of each column of the main table.
pub fn columns(tcp: &Tcp) -> Vec<(String, Scenario)> {
    let mut columns: Vec<(String, Scenario)> = LOSSES
        .iter()
        .map(|&loss| {
            let mut scenario = base(&[tcp]);
            scenario.forward.loss = random(loss);
            (format!("goodput at {} % loss, %", loss * 100.0), scenario)
        })
        .collect();
    let mut scenario = base(&[tcp]);
    scenario.forward.reorder = REORDERED;
    columns.push(("goodput at 1 % reordered, %".to_owned(), scenario));
    columns
}

fn is_bbr(tcp: &Tcp) -> bool {
    tcp.congestion_control.as_deref() == Some("bbr")
}

fn is_core(tcp: &Tcp) -> bool {
    tcp.stack.starts_with("rust")
}

/// What the main table asks of `tcp`.
pub fn main_goals(tcp: &Tcp) -> [Wanted; 6] {
    match tcp.stack.as_str() {
        "c" => REFERENCE_C.map(Wanted::Measured),
        "smoltcp" => REFERENCE_SMOLTCP.map(Wanted::Measured),
        _ if is_bbr(tcp) => BBR.map(Wanted::AtLeast),
        _ => LOSS_BASED.map(Wanted::AtLeast),
    }
}

/// Those of the TCPs of the goals that are built.
pub fn built(libraries: &Libraries) -> Vec<Tcp> {
    ["c", "smoltcp:cubic", "rust", "rust:newreno", "rust:cubic", "rust:bbr"]
        .iter()
        .filter_map(|name| name.parse().ok())
        .filter(|tcp| libraries.can(tcp, WINDOW))
        .collect()
}

impl Goals<'_> {
    fn runs<T: Send>(&self, scenario: &Scenario, look: impl Fn(Outcome, &[Record]) -> T + Sync) -> Result<Vec<T>> {
        each_seed(self.libraries, scenario, self.first, self.seeds, self.bar, look)
    }

    fn add(&mut self, what: &str, tcp: &str, wanted: Wanted, got: f64) {
        let met = wanted.is_met(got);
        self.rows.push(Row { what: what.to_owned(), tcp: tcp.to_owned(), wanted, got, met });
    }

    /// All goals for `tcps`.
    pub fn measure(&mut self, tcps: &[Tcp]) -> Result<()> {
        for tcp in tcps {
            self.main_table(tcp)?;
        }
        for tcp in tcps {
            self.other_links(tcp)?;
            self.stalls(tcp)?;
            self.last_segment(tcp)?;
            self.outage(tcp)?;
            self.standing_queue(tcp)?;
        }
        for tcp in tcps.iter().filter(|tcp| is_core(tcp)) {
            self.share(tcp, tcp)?;
        }
        let find = |name: &str| tcps.iter().find(|tcp| tcp.to_string() == name);
        if let (Some(c), Some(cubic)) = (find("c"), find("rust:cubic")) {
            self.share(cubic, c)?;
        }
        if let (Some(bbr), Some(cubic)) = (find("rust:bbr"), find("rust:cubic")) {
            self.share(bbr, cubic)?;
        }
        Ok(())
    }

    fn main_table(&mut self, tcp: &Tcp) -> Result<()> {
        let mut points = Vec::new();
        for (place, (what, scenario)) in columns(tcp).iter().enumerate() {
            let outcomes = self.runs(scenario, |outcome, _| outcome)?;
            let got = summarize(&outcomes).0[0].goodput_percent.p50;
            if let Some(loss) = LOSSES.get(place) {
                points.push((loss * 100.0, got));
            }
            // Compared as the table of the goals is written, in whole percents: on this path 94.9 is the most there is.
            let met = main_goals(tcp)[place].is_met(got.round());
            self.rows.push(Row { what: what.clone(), tcp: tcp.to_string(), wanted: main_goals(tcp)[place], got, met });
        }
        self.lines.push(Line { name: tcp.to_string(), points });
        Ok(())
    }

    fn median_goodput(&self, scenario: &Scenario) -> Result<f64> {
        let mut goodputs = self.runs(scenario, |outcome, _| outcome.flows[0].goodput_percent)?;
        Ok(quantile(&mut goodputs, 0.5))
    }

    fn other_links(&mut self, tcp: &Tcp) -> Result<()> {
        let c = Tcp { stack: "c".to_owned(), congestion_control: None };
        if is_core(tcp) && self.libraries.has(tcp, LARGE_WINDOW) && self.libraries.has(&c, LARGE_WINDOW) {
            let fast = |tcp: &Tcp| {
                let mut scenario = base(&[tcp]);
                scenario.forward = link(100_000_000, Nanos::from_millis(10));
                scenario.back = scenario.forward.clone();
                scenario.forward.loss = random(0.01);
                scenario.window = LARGE_WINDOW;
                scenario.duration = Nanos::from_secs(20);
                scenario
            };
            let ratio = self.median_goodput(&fast(tcp))? / self.median_goodput(&fast(&c))?;
            self.add("100 Mbit/s, 10 ms, 1 % loss, 256 kB: times C", &tcp.to_string(), Wanted::AtLeast(5.0), ratio);
        }
        if is_bbr(tcp) {
            let mut scenario = base(&[tcp]);
            scenario.forward = link(1_000_000, Nanos::from_millis(200));
            scenario.back = scenario.forward.clone();
            scenario.forward.loss = random(0.01);
            let got = self.median_goodput(&scenario)?;
            self.add("1 Mbit/s, 200 ms, 1 % loss: goodput, %", &tcp.to_string(), Wanted::AtLeast(90.0), got);
        }
        Ok(())
    }

    fn stalls(&mut self, tcp: &Tcp) -> Result<()> {
        let mut scenario = base(&[tcp]);
        scenario.forward.loss = random(0.03);
        let mut stalls = self.runs(&scenario, |outcome, _| outcome.flows[0].longest_stall.millis())?;
        let got = quantile(&mut stalls, 0.95);
        self.add("longest stall at 3 % loss, 95 of 100 seeds, ms", &tcp.to_string(), Wanted::AtMost(1000.0), got);
        Ok(())
    }

    /// From the first transmission of the last segment until it is delivered.
    fn last_segment(&mut self, tcp: &Tcp) -> Result<()> {
        const SEGMENTS: u64 = 20;
        let mut scenario = base(&[tcp]);
        scenario.flows[0].limit = Some(SEGMENTS * 1460);
        scenario.forward.drop_nth = vec![SEGMENTS];
        let mut times = self.runs(&scenario, |outcome, records| {
            let last = records[0].transmissions.iter().find(|t| t.end == SEGMENTS * 1460);
            match (last, outcome.flows[0].finished) {
                (Some(last), Some(finished)) => finished.since(last.sent).millis(),
                _ => f64::INFINITY,
            }
        })?;
        let got = quantile(&mut times, 0.5);
        let limit = 2.0 * RTT.millis() + 40.0;
        self.add("a lost last segment is repaired after, ms", &tcp.to_string(), Wanted::AtMost(limit), got);
        Ok(())
    }

    /// Loss of 0.1 % makes the seeds meet the outage in different states.
    fn outage(&mut self, tcp: &Tcp) -> Result<()> {
        let (begin, length) = (Nanos::from_secs(10), Nanos::from_secs(5));
        let mut scenario = base(&[tcp]);
        scenario.forward.loss = random(0.001);
        scenario.forward.outages = vec![(begin, length)];
        scenario.back.outages = scenario.forward.outages.clone();
        let end = begin.plus(length);
        // What was on the wire when the outage ended was sent in it and is lost: all deliveries since are new.
        let mut times = self.runs(&scenario, |_, records| match records[0].first_delivery_since(end) {
            Some(at) => at.since(end).millis(),
            None => f64::INFINITY,
        })?;
        let got = quantile(&mut times, 0.95);
        self.add("after an outage of 5 s resumed in, ms", &tcp.to_string(), Wanted::AtMost(1000.0), got);
        Ok(())
    }

    fn standing_queue(&mut self, tcp: &Tcp) -> Result<()> {
        if !is_bbr(tcp) {
            return Ok(());
        }
        let mut scenario = base(&[tcp]);
        scenario.window = LARGE_WINDOW;
        let mut delays = self.runs(&scenario, |outcome, _| outcome.flows[0].queue_delay.p50.millis() / RTT.millis())?;
        let got = quantile(&mut delays, 0.5);
        self.add("standing queue delay, RTTs", &tcp.to_string(), Wanted::AtMost(1.5), got);
        Ok(())
    }

    /// Two flows, `first` and `second`, one BDP of queue, a window that is not the limit.
    fn share(&mut self, first: &Tcp, second: &Tcp) -> Result<()> {
        if !self.libraries.has(first, LARGE_WINDOW) || !self.libraries.has(second, LARGE_WINDOW) {
            return Ok(());
        }
        let mut scenario = base(&[first, second]);
        scenario.window = LARGE_WINDOW;
        scenario.forward.queue = BDP_PACKETS;
        // Without loss nothing is random but when they meet.
        scenario.forward.jitter = Nanos(100_000);
        scenario.flows[1].begin = Nanos::from_millis(100);
        let outcomes = self.runs(&scenario, |outcome, _| outcome)?;
        let (flows, jain) = summarize(&outcomes);
        if first == second {
            self.add("two equal flows: Jain's index", &first.to_string(), Wanted::AtLeast(0.9), jain.p50);
            return Ok(());
        }
        for (flow, other) in [(&flows[0], &flows[1]), (&flows[1], &flows[0])] {
            let names = format!("{} beside {}", flow.tcp, other.tcp);
            self.add("share of the link, %", &names, Wanted::Between(30.0, 70.0), flow.goodput_percent.p50);
        }
        Ok(())
    }

    /// What nobody can exceed on the main path: see [`Bound`]. In percent of the link, payload by payload and headers.
    fn print_bounds(&self) {
        const PAYLOAD: f64 = 1460.0;
        const PACKET: f64 = 1538.0;
        let slot = PACKET * 8.0 / 10e6;
        let of = |loss: f64| {
            let bound = Bound { window: u64::from(WINDOW) / 1460, slot, rtt: RTT.secs() + slot, loss };
            let mut shares: Vec<f64> = (0..self.seeds).map(|seed| bound.utilisation(60.0, seed)).collect();
            format!("{:.1}", quantile(&mut shares, 0.5) * PAYLOAD / PACKET * 100.0)
        };
        println!(
            "The most that a window of 58,400 B allows any sender at 0, 0.1, 1, 3 and 5 % loss: {} %.",
            LOSSES.map(of).join(", ")
        );
    }

    /// Why goals are missed: each reason once, with those that it is for.
    fn print_reasons(&self) {
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.met == Some(false)) {
            let reason = why(&row.what, &row.tcp).unwrap_or("Not known: it was met before.");
            let name = format!("{} ({})", row.what, row.tcp);
            match reasons.iter_mut().find(|known| known.0 == reason) {
                Some(known) => known.1.push(name),
                None => reasons.push((reason, vec![name])),
            }
        }
        for (reason, names) in reasons {
            println!("\nMissed: {}\n  {reason}", names.join("; "));
        }
        println!();
    }

    /// The table, and how many are met.
    pub fn print(&self) {
        let mut table = report::table(&["goal", "TCP", "wanted", "got", ""]);
        for row in &self.rows {
            let met = match row.met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            let got = if row.got < 10.0 { format!("{:.2}", row.got) } else { format!("{:.1}", row.got) };
            table.add_row([row.what.clone(), row.tcp.clone(), row.wanted.text(), got, met.to_owned()]);
        }
        println!("{table}");
        println!(
            "Medians over {} seeds, where nothing else is said; in parentheses what DESIGN.md reports.",
            self.seeds
        );
        self.print_bounds();
        self.print_reasons();
        for (name, core) in [("the core", true), ("C and smoltcp, for comparison", false)] {
            let of = |row: &&Row| row.tcp.starts_with("rust") == core;
            let all = self.rows.iter().filter(of).filter(|row| row.met.is_some()).count();
            let met = self.rows.iter().filter(of).filter(|row| row.met == Some(true)).count();
            println!("{name}: {met} of {all} goals met{}", if all == 0 { " (it is not built)" } else { "" });
        }
    }
}
