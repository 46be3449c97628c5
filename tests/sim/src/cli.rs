//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser};

use crate::endpoint::Tcp;
use crate::path::{LinkSpec, Loss};
use crate::units::{Nanos, parse_at, parse_rate, parse_share, parse_time};

fn rate_step(text: &str) -> Result<(Nanos, u64), String> {
    parse_at(text, parse_rate)
}

fn mtu(text: &str) -> Result<(Nanos, usize), String> {
    parse_at(text, |bytes| bytes.parse().map_err(|_| format!("not a number of bytes: {bytes}")))
}

fn outage(text: &str) -> Result<(Nanos, Nanos), String> {
    parse_at(text, parse_time)
}

/// Gilbert-Elliott: chances of good to bad, bad to good, and of loss in each state.
fn bursty(text: &str) -> Result<Loss, String> {
    let values: Vec<f64> = text.split('/').map(parse_share).collect::<Result<_, _>>()?;
    match values[..] {
        [to_bad, to_good] => Ok(Loss::Bursty { to_bad, to_good, in_good: 0.0, in_bad: 1.0 }),
        [to_bad, to_good, in_good, in_bad] => Ok(Loss::Bursty { to_bad, to_good, in_good, in_bad }),
        _ => Err("write TO_BAD/TO_GOOD or TO_BAD/TO_GOOD/LOSS_IN_GOOD/LOSS_IN_BAD, for example 1%/25%".to_owned()),
    }
}

/// lwIP's TCP (in C or in Rust) and smoltcp over an emulated path in virtual time: deterministic by seed.
///
/// Without --goals, --check or --list: runs each TCP of --tcp alone over the path at each loss of --loss, or, with
/// --share, those of --share at the same time through one queue.
#[derive(Debug, Parser)]
#[command(version, group(ArgGroup::new("what").args(["goals", "check", "list", "share"])))]
pub struct Args {
    /// Print the goals of loss recovery and congestion control, met or missed, for the TCPs that are built.
    #[arg(long)]
    pub goals: bool,
    /// Check that which must hold at any speed; ends with an error if something does not.
    #[arg(long)]
    pub check: bool,
    /// List the TCPs that are built.
    #[arg(long)]
    pub list: bool,
    /// Flows that share the path: TCPs, separated by commas, for example c,rust:cubic.
    #[arg(long, value_delimiter = ',', value_name = "TCP,…")]
    pub share: Vec<Tcp>,
    /// TCPs to run, each alone: c, rust, rust:newreno, rust:cubic, rust:bbr, smoltcp:none, smoltcp:reno,
    /// smoltcp:cubic. Default: c and smoltcp:cubic; with --goals and --check: all that are built.
    #[arg(long, value_delimiter = ',', value_name = "TCP,…")]
    pub tcp: Vec<Tcp>,
    /// The receiver's TCP, if it is not to be the sender's.
    #[arg(long, value_name = "TCP")]
    pub receiver: Option<Tcp>,
    /// Folder of the endpoint libraries that CMake builds. Default: where this program is.
    #[arg(long, env = "LWIP_SIM_ENDPOINTS", value_name = "DIR")]
    pub endpoints: Option<PathBuf>,

    /// How many seeds.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Runs at the same time. Default: one for each processor.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// How long a run lasts.
    #[arg(long, default_value = "60s", value_parser = parse_time, value_name = "TIME")]
    pub duration: Nanos,
    /// Send so much and measure until it is there, instead of sending as long as the run lasts.
    #[arg(long, value_name = "BYTES")]
    pub limit: Option<u64>,
    /// Receive window and send buffer, of those that are built (see --list).
    #[arg(long, default_value_t = 58_400, value_name = "BYTES")]
    pub window: u32,
    /// Leave Nagle's algorithm on (TCP_NODELAY is set otherwise).
    #[arg(long)]
    pub nagle: bool,
    /// With --share: how much later than the one before it each flow begins.
    #[arg(long, default_value = "0", value_parser = parse_time, value_name = "TIME")]
    pub stagger: Nanos,

    #[command(flatten)]
    pub path: PathArgs,

    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a plot of goodput over loss.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["share", "check", "list"])]
    pub svg: Option<PathBuf>,
}

/// The path. Loss, reordering and so on are those of the data's direction; options in -back are the other one's.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Path")]
pub struct PathArgs {
    /// Bits per second, both ways.
    #[arg(long, default_value = "10M", value_parser = parse_rate, value_name = "RATE")]
    pub rate: u64,
    /// Round trip time of an empty path; half of it each way.
    #[arg(long, default_value = "40ms", value_parser = parse_time, value_name = "TIME")]
    pub rtt: Nanos,
    /// Packets in the queue, the one on the link included; the rest is dropped.
    #[arg(long, default_value_t = 100, value_name = "PACKETS")]
    pub queue: usize,
    /// Bytes that a packet takes on the link beside its own; 38: Ethernet with preamble and gap.
    #[arg(long, default_value_t = 38, value_name = "BYTES")]
    pub overhead: u32,
    /// Random loss; several, separated by commas, make a table over loss.
    #[arg(long, default_value = "0", value_delimiter = ',', value_parser = parse_share, value_name = "SHARE,…")]
    pub loss: Vec<f64>,
    /// Random loss of acknowledgments.
    #[arg(long, default_value = "0", value_parser = parse_share, value_name = "SHARE")]
    pub loss_back: f64,
    /// Loss in bursts (Gilbert-Elliott) instead: TO_BAD/TO_GOOD[/LOSS_IN_GOOD/LOSS_IN_BAD].
    #[arg(long, value_parser = bursty, value_name = "SHARES")]
    pub bursts: Option<Loss>,
    /// The same for acknowledgments.
    #[arg(long, value_parser = bursty, value_name = "SHARES")]
    pub bursts_back: Option<Loss>,
    /// Lose the n-th data packet of each flow for certain.
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    pub drop: Vec<u64>,
    /// Share of packets that others overtake.
    #[arg(long, default_value = "0", value_parser = parse_share, value_name = "SHARE")]
    pub reorder: f64,
    /// The same for acknowledgments.
    #[arg(long, default_value = "0", value_parser = parse_share, value_name = "SHARE")]
    pub reorder_back: f64,
    /// How much later than it should an overtaken packet arrives.
    #[arg(long, default_value = "4.5ms", value_parser = parse_time, value_name = "TIME")]
    pub reorder_delay: Nanos,
    /// Share of packets that arrive twice, both ways.
    #[arg(long, default_value = "0", value_parser = parse_share, value_name = "SHARE")]
    pub duplicate: f64,
    /// Share of packets that arrive with a bit flipped, both ways.
    #[arg(long, default_value = "0", value_parser = parse_share, value_name = "SHARE")]
    pub corrupt: f64,
    /// Up to so much more delay, uniform, in order, both ways.
    #[arg(long, default_value = "0", value_parser = parse_time, value_name = "TIME")]
    pub jitter: Nanos,
    /// Other rates of the data's direction from some time on: 10s:1M. Several, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = rate_step, value_name = "AT:RATE,…")]
    pub rate_step: Vec<(Nanos, u64)>,
    /// Times in which nothing gets through, either way: 10s:5s is from 10 s for 5 s.
    #[arg(long, value_delimiter = ',', value_parser = outage, value_name = "AT:TIME,…")]
    pub outage: Vec<(Nanos, Nanos)>,
    /// Black hole: from some time on, longer IP packets of the data's direction vanish: 2s:1000,60s:1500.
    #[arg(long, value_delimiter = ',', value_parser = mtu, value_name = "AT:BYTES,…")]
    pub mtu: Vec<(Nanos, usize)>,
    /// Of so many acknowledgments in a row only the last goes on.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub ack_thinning: u32,
    /// Acknowledgments arrive in bunches, at multiples of this.
    #[arg(long, default_value = "0", value_parser = parse_time, value_name = "TIME")]
    pub ack_compression: Nanos,
    /// Mark (ECN) what finds so many packets in the queue.
    #[arg(long, value_name = "PACKETS")]
    pub ecn_mark: Option<usize>,
}

impl PathArgs {
    fn either(&self) -> LinkSpec {
        LinkSpec {
            rate: self.rate,
            overhead: self.overhead,
            delay: Nanos(self.rtt.0 / 2),
            jitter: self.jitter,
            queue: self.queue,
            duplicate: self.duplicate,
            corrupt: self.corrupt,
            outages: self.outage.clone(),
            reorder_delay: self.reorder_delay,
            ..LinkSpec::default()
        }
    }

    /// The data's direction, at random loss `loss`.
    pub fn forward(&self, loss: f64) -> LinkSpec {
        LinkSpec {
            rate_steps: self.rate_step.clone(),
            ecn_mark: self.ecn_mark,
            loss: self.bursts.clone().unwrap_or_else(|| random(loss)),
            drop_nth: self.drop.clone(),
            mtu: self.mtu.clone(),
            reorder: self.reorder,
            ..self.either()
        }
    }

    /// The acknowledgments' direction.
    pub fn back(&self) -> LinkSpec {
        LinkSpec {
            loss: self.bursts_back.clone().unwrap_or_else(|| random(self.loss_back)),
            reorder: self.reorder_back,
            ack_thinning: self.ack_thinning,
            compression: self.ack_compression,
            ..self.either()
        }
    }
}

/// Random loss, or none.
pub fn random(loss: f64) -> Loss {
    if loss > 0.0 { Loss::Random(loss) } else { Loss::None }
}
