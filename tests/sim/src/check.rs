//! What must hold for any TCP, however fast: the short form that ctest runs.

use anyhow::{Result, ensure};
use indicatif::ProgressBar;

use crate::batch::{each_seed, summarize};
use crate::endpoint::{Libraries, Tcp};
use crate::goals::{REFERENCE_C, REFERENCE_SMOLTCP, base, columns};
use crate::path::{LinkSpec, Loss};
use crate::rng::Stream;
use crate::sim::{Scenario, run};
use crate::units::Nanos;

/// A property: its name, and whether it is one of `tcp`'s.
type Property = fn(&Libraries, &Tcp) -> Result<()>;

const PROPERTIES: [(&str, Property); 8] = [
    ("the same seed gives the same packets, another seed others", repeats),
    ("no loss, no retransmission", clean_path),
    ("every byte arrives once and right, whatever the path does", any_path),
    ("every byte is right in long runs with loss", long_runs),
    ("every byte arrives after an outage", outage),
    (HYSTART, hystart),
    (BLACK_HOLE, black_hole),
    (FIGURES, reference),
];
const HYSTART: &str = "HyStart++ loses at most two thirds of what slow start loses without it";
const BLACK_HOLE: &str = "a path that loses long packets costs seconds, and is found out when it is none any more";
const FIGURES: &str = "DESIGN.md's figures are met";

/// Checks all properties of all `tcps`; false if one does not hold.
pub fn check(libraries: &Libraries, tcps: &[Tcp]) -> bool {
    let mut good = true;
    for tcp in tcps {
        for (name, property) in PROPERTIES {
            if (name == FIGURES && reference_of(tcp).is_none())
                || ([HYSTART, BLACK_HOLE].contains(&name) && tcp.stack != "rust")
            {
                continue;
            }
            match property(libraries, tcp) {
                Ok(()) => println!("ok    {tcp}: {name}"),
                Err(error) => {
                    println!("FAIL  {tcp}: {name}: {error:#}");
                    good = false;
                }
            }
        }
    }
    good
}

fn repeats(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    let scenario = |seed| {
        let mut scenario = base(&[tcp, tcp]);
        scenario.forward.loss = Loss::Random(0.02);
        scenario.back.loss = Loss::Random(0.02);
        scenario.forward.jitter = Nanos::from_millis(2);
        scenario.duration = Nanos::from_secs(10);
        Scenario { seed, ..scenario }
    };
    let (first, _) = run(libraries, &scenario(1))?;
    let (again, _) = run(libraries, &scenario(1))?;
    let (other, _) = run(libraries, &scenario(2))?;
    ensure!(first == again, "two runs of seed 1 differ");
    ensure!(first.digest != other.digest, "seeds 1 and 2 gave the same packets");
    Ok(())
}

fn clean_path(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    let mut scenario = base(&[tcp]);
    scenario.duration = Nanos::from_secs(10);
    let (outcome, _) = run(libraries, &scenario)?;
    let flow = &outcome.flows[0];
    ensure!(outcome.forward.queue_drops == 0, "{} packets found the queue full", outcome.forward.queue_drops);
    ensure!(flow.bytes > 0, "nothing was delivered");
    ensure!(flow.retransmissions == 0, "{} retransmissions", flow.retransmissions);
    Ok(())
}

/// A limited stream has arrived, all of it and right, and the FIN at its end if there is one.
fn arrives(libraries: &Libraries, scenario: &Scenario) -> Result<()> {
    let (outcome, _) = run(libraries, scenario)?;
    for (flow, spec) in outcome.flows.iter().zip(&scenario.flows) {
        let path = || format!("seed {}, path {:?}", scenario.seed, scenario.forward);
        if let Some(reason) = &flow.failed {
            anyhow::bail!("the connection broke ({reason}): {}", path());
        }
        ensure!(!flow.wrong, "other bytes arrived than were sent: {}", path());
        ensure!(Some(flow.bytes) == spec.limit, "{} bytes arrived of {:?}: {}", flow.bytes, spec.limit, path());
        ensure!(flow.closed.is_some() || !spec.close, "the end of the stream did not arrive: {}", path());
    }
    Ok(())
}

fn limited(tcp: &Tcp, bytes: u64, seed: u64) -> Scenario {
    let mut scenario = base(&[tcp]);
    scenario.flows[0].limit = Some(bytes);
    // smoltcp 0.14 forgets its timer when duplicate ACKs arrive while only its FIN is under way, and never sends a lost
    // FIN again. Of it, which is here to show that the path is right, only the data is asked.
    scenario.flows[0].close = tcp.stack != "smoltcp";
    // A bound, for what stands still; a run ends when the stream does.
    scenario.duration = Nanos::from_secs(3600);
    scenario.seed = seed;
    scenario
}

/// Paths drawn at random; each impairment is there in half of them.
fn any_path(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    for seed in 0..60 {
        let mut stream = Stream::new(seed, 2_000);
        let mut half = |value: f64| if stream.chance(0.5) { value * stream.unit() } else { 0.0 };
        let mut scenario = limited(tcp, 300_000, seed);
        let spec = LinkSpec {
            rate: 500_000 + (half(1.0) * 20e6) as u64,
            delay: Nanos(1_000_000 + (half(1.0) * 100e6) as u64),
            jitter: Nanos((half(1.0) * 20e6) as u64),
            queue: 4 + (half(1.0) * 100.0) as usize,
            reorder: half(0.1),
            reorder_delay: Nanos((half(1.0) * 50e6) as u64),
            duplicate: half(0.1),
            corrupt: half(0.02),
            ..LinkSpec::default()
        };
        let bursts = Loss::Bursty { to_bad: half(0.02), to_good: 0.2 + half(0.5), in_good: half(0.02), in_bad: 0.8 };
        scenario.forward = LinkSpec { loss: bursts, ..spec.clone() };
        scenario.back = LinkSpec {
            loss: Loss::Random(half(0.05)),
            ack_thinning: (half(1.0) * 8.0) as u32,
            compression: Nanos((half(1.0) * 30e6) as u64),
            ..spec
        };
        arrives(libraries, &scenario)?;
    }
    Ok(())
}

/// Streams without end, so that every stage of recovery comes up many times.
fn long_runs(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    for loss in [0.01, 0.05, 0.1] {
        let mut scenario = base(&[tcp]);
        scenario.forward.loss = Loss::Random(loss);
        let outcomes = each_seed(libraries, &scenario, 1, 30, &ProgressBar::hidden(), |outcome, _| outcome)?;
        for (seed, outcome) in (1..).zip(outcomes) {
            let flow = &outcome.flows[0];
            let path = format!("--loss {loss} --seed {seed} --seeds 1");
            ensure!(!flow.wrong, "other bytes arrived than were sent: {path}");
            if let Some(reason) = &flow.failed {
                anyhow::bail!("the connection broke ({reason}): {path}");
            }
        }
    }
    Ok(())
}

fn outage(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    for seed in 0..5 {
        let mut scenario = limited(tcp, 3_000_000, seed);
        scenario.forward.outages = vec![(Nanos::from_millis(500 + 37 * seed), Nanos::from_secs(5))];
        scenario.back.outages = scenario.forward.outages.clone();
        scenario.forward.rate_steps = vec![(Nanos::from_secs(6), 1_000_000), (Nanos::from_secs(8), 10_000_000)];
        arrives(libraries, &scenario)?;
    }
    Ok(())
}

/// Two seconds from the beginning, of which slow start is the first, on a path without loss of its own and with a queue of one and a
/// half, and of two bandwidth-delay products.
fn hystart(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    const WINDOW: u32 = 262_144;
    for control in ["newreno", "cubic"] {
        for queue in [50, 66] {
            let lost = |stack: &str| -> Result<u64> {
                let tcp = Tcp { stack: stack.to_owned(), congestion_control: Some(control.to_owned()) };
                let mut scenario = base(&[&tcp]);
                scenario.window = WINDOW;
                scenario.forward.queue = queue;
                scenario.duration = Nanos::from_secs(2);
                let (outcome, _) = run(libraries, &scenario)?;
                ensure!(outcome.flows[0].bytes > 0, "nothing was delivered");
                Ok(outcome.forward.queue_drops)
            };
            let (with, without) = (lost(&tcp.stack)?, lost("rust-no-hystart")?);
            ensure!(with * 3 <= without * 2, "{control}, a queue of {queue}: {with} lost with it, {without} without");
        }
    }
    Ok(())
}

/// From the beginning or in the middle, for ever or for a minute, with every congestion controller, and with other losses too.
fn black_hole(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    const BYTES: u64 = 3_000_000;
    for control in ["newreno", "cubic", "bbr"] {
        let tcp = Tcp { stack: tcp.stack.clone(), congestion_control: Some(control.to_owned()) };
        for (seed, (from, mtu)) in (1..).zip([(0, 600), (0, 1000), (0, 1400), (700, 600), (700, 1000), (700, 1400)]) {
            // Without the hole it takes 2.6 s, and with the losses 8; what a loss costs is the more the shorter segments are.
            for (loss, seconds) in [(Loss::None, 15), (Loss::Random(0.01), 45)] {
                let mut scenario = limited(&tcp, BYTES, seed);
                scenario.forward.loss = loss;
                scenario.forward.mtu = vec![(Nanos::from_millis(from), mtu)];
                scenario.duration = Nanos::from_secs(seconds);
                arrives(libraries, &scenario)?;
            }
        }
        // Most of the time the path is whole.
        let mut scenario = base(&[&tcp]);
        scenario.forward.mtu = vec![(Nanos::from_secs(5), 1000), (Nanos::from_secs(60), 1500)];
        scenario.duration = Nanos::from_secs(900);
        let (outcome, _) = run(libraries, &scenario)?;
        let got = outcome.flows[0].goodput_percent;
        ensure!(got > 85.0, "{control}: {got:.1} % of the link in 15 minutes, of which one had a hole");
    }
    Ok(())
}

/// What DESIGN.md says of `tcp`.
fn reference_of(tcp: &Tcp) -> Option<[f64; 6]> {
    match tcp.to_string().as_str() {
        "c" => Some(REFERENCE_C),
        "smoltcp:cubic" => Some(REFERENCE_SMOLTCP),
        _ => None,
    }
}

/// Only of those that DESIGN.md has figures of. The seeds are fixed, so nothing here varies from run to run; the bound
/// says how well our path matches the one that the figures come from: a tenth, or a point where that is more.
fn reference(libraries: &Libraries, tcp: &Tcp) -> Result<()> {
    let Some(wanted) = reference_of(tcp) else { return Ok(()) };
    for ((what, scenario), wanted) in columns(tcp).iter().zip(wanted) {
        let outcomes = each_seed(libraries, scenario, 1, 15, &ProgressBar::hidden(), |outcome, _| outcome)?;
        let got = summarize(&outcomes).0[0].goodput_percent.p50;
        let bound = f64::max(wanted * 0.1, 1.0);
        ensure!((got - wanted).abs() <= bound, "{what}: {got:.1}, and not {wanted} within {bound:.1}");
    }
    Ok(())
}
