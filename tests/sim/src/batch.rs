//! The same scenario under many seeds, and what they have in common.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Serialize;

use crate::endpoint::{Libraries, Tcp};
use crate::record::{Record, quantile};
use crate::sim::{Outcome, Scenario, run};

/// Runs of seeds `first`, `first` + 1, …; `look` takes from each what is wanted. The order is that of the seeds.
pub fn each_seed<T: Send>(
    libraries: &Libraries,
    scenario: &Scenario,
    first: u64,
    seeds: u64,
    progress: &ProgressBar,
    look: impl Fn(Outcome, &[Record]) -> T + Sync,
) -> Result<Vec<T>> {
    (first..first + seeds)
        .into_par_iter()
        .map(|seed| {
            let scenario = Scenario { seed, ..scenario.clone() };
            let (outcome, records) = run(libraries, &scenario)?;
            progress.inc(1);
            Ok(look(outcome, &records))
        })
        .collect()
}

/// A bar on the terminal; nothing if there is none.
pub fn progress(runs: u64) -> ProgressBar {
    let bar = ProgressBar::new(runs);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} runs, {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Where a figure lies over the seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// 5 % of the seeds are below.
    pub p5: f64,
    /// Median.
    pub p50: f64,
    /// 95 % of the seeds are below.
    pub p95: f64,
}

impl Spread {
    /// Of `values`.
    pub fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        Spread { p5: quantile(&mut values, 0.05), p50: quantile(&mut values, 0.50), p95: quantile(&mut values, 0.95) }
    }
}

/// One flow of a scenario over the seeds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The sender.
    pub tcp: Tcp,
    /// In percent of the link.
    pub goodput_percent: Spread,
    /// In bit/s.
    pub goodput: Spread,
    /// Of the sum of all flows' goodput, in percent.
    pub share_percent: Spread,
    /// Data segments sent.
    pub segments: Spread,
    /// Retransmissions.
    pub retransmissions: Spread,
    /// Needless ones among them.
    pub spurious: Spread,
    /// Each run's mean waiting time in the queue, in ms.
    pub queue_delay_mean_ms: Spread,
    /// Each run's median.
    pub queue_delay_p50_ms: Spread,
    /// Each run's 95th percentile.
    pub queue_delay_p95_ms: Spread,
    /// Longest stall, in ms.
    pub longest_stall_ms: Spread,
    /// Runs in which the receiver got other bytes than were sent. Always 0, or TCP is broken.
    pub wrong: usize,
    /// Runs in which the connection broke.
    pub failed: usize,
}

/// Summaries of all flows, and their fairness.
pub fn summarize(outcomes: &[Outcome]) -> (Vec<Summary>, Spread) {
    let flows = outcomes.first().map_or(0, |o| o.flows.len());
    let summaries = (0..flows)
        .map(|i| {
            let of = |f: fn(&crate::record::FlowFigures) -> f64| Spread::of(outcomes.iter().map(|o| f(&o.flows[i])));
            let count = |f: fn(&crate::record::FlowFigures) -> bool| outcomes.iter().filter(|o| f(&o.flows[i])).count();
            let share = |o: &Outcome| o.flows[i].goodput * 100.0 / o.flows.iter().map(|f| f.goodput).sum::<f64>();
            Summary {
                tcp: outcomes[0].flows[i].tcp.clone(),
                goodput_percent: of(|f| f.goodput_percent),
                goodput: of(|f| f.goodput),
                share_percent: Spread::of(outcomes.iter().map(share)),
                segments: of(|f| f.segments as f64),
                retransmissions: of(|f| f.retransmissions as f64),
                spurious: of(|f| f.spurious as f64),
                queue_delay_mean_ms: of(|f| f.queue_delay.mean.millis()),
                queue_delay_p50_ms: of(|f| f.queue_delay.p50.millis()),
                queue_delay_p95_ms: of(|f| f.queue_delay.p95.millis()),
                longest_stall_ms: of(|f| f.longest_stall.millis()),
                wrong: count(|f| f.wrong),
                failed: count(|f| f.failed.is_some()),
            }
        })
        .collect();
    (summaries, Spread::of(outcomes.iter().map(|o| o.jain)))
}
