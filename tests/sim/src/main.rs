//! lwIP's TCP, in C or in Rust, and smoltcp's over an emulated path in virtual time.

mod batch;
mod bound;
mod check;
mod cli;
mod endpoint;
mod goals;
mod path;
mod plot;
mod reasons;
mod record;
mod report;
mod rng;
mod sim;
mod units;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::batch::{each_seed, progress, summarize};
use crate::cli::Args;
use crate::endpoint::{Libraries, Tcp};
use crate::goals::Goals;
use crate::plot::Line;
use crate::report::Entry;
use crate::sim::{FlowSpec, Scenario};
use crate::units::Nanos;

fn endpoints(args: &Args) -> Result<PathBuf> {
    match &args.endpoints {
        Some(folder) => Ok(folder.clone()),
        None => {
            let program = std::env::current_exe().context("where this program is cannot be found out")?;
            Ok(program.parent().map(PathBuf::from).unwrap_or_default())
        }
    }
}

fn list(libraries: &Libraries) {
    for (stack, window) in libraries.list() {
        println!("{stack}  window {window} B");
    }
    println!("smoltcp  any window; smoltcp:none, smoltcp:reno, smoltcp:cubic");
}

fn flow(args: &Args, tcp: &Tcp, place: usize) -> FlowSpec {
    let mut flow = FlowSpec::bulk(tcp);
    if let Some(receiver) = &args.receiver {
        flow.receiver = receiver.clone();
    }
    flow.limit = args.limit;
    flow.nagle = args.nagle;
    flow.begin = Nanos(args.stagger.0 * place as u64);
    flow
}

fn measure(args: &Args, libraries: &Libraries) -> Result<Vec<Entry>> {
    let chosen = if args.tcp.is_empty() {
        ["c", "smoltcp:cubic"].iter().filter_map(|t| t.parse().ok()).collect()
    } else {
        args.tcp.clone()
    };
    let groups: Vec<Vec<FlowSpec>> = if args.share.is_empty() {
        chosen.iter().map(|tcp| vec![flow(args, tcp, 0)]).collect()
    } else {
        vec![args.share.iter().enumerate().map(|(i, tcp)| flow(args, tcp, i)).collect()]
    };
    let bar = progress((groups.len() * args.path.loss.len()) as u64 * args.seeds);
    let mut entries = Vec::new();
    for flows in &groups {
        for &loss in &args.path.loss {
            let scenario = Scenario {
                forward: args.path.forward(loss),
                back: args.path.back(),
                flows: flows.clone(),
                window: args.window,
                duration: args.duration,
                seed: args.seed,
            };
            let outcomes = each_seed(libraries, &scenario, args.seed, args.seeds, &bar, |outcome, _| outcome)?;
            let (flows, jain) = summarize(&outcomes);
            entries.push(Entry { loss, scenario, seeds: args.seeds, flows, jain });
        }
    }
    bar.finish_and_clear();
    Ok(entries)
}

fn start(args: &Args) -> Result<()> {
    ensure!(args.duration > Nanos(0), "--duration must be more than 0");
    if let Some(jobs) = args.jobs {
        rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global()?;
    }
    let libraries = Libraries::new(&endpoints(args)?);
    if args.list {
        list(&libraries);
        return Ok(());
    }
    if args.check {
        let tcps = if args.tcp.is_empty() { goals::built(&libraries) } else { args.tcp.clone() };
        ensure!(check::check(&libraries, &tcps), "a property does not hold");
        return Ok(());
    }
    if args.goals {
        return goals(args, &libraries);
    }
    let entries = measure(args, &libraries)?;
    report::print(&entries);
    let wrong: usize = entries.iter().flat_map(|entry| &entry.flows).map(|flow| flow.wrong).sum();
    if let Some(file) = &args.json {
        report::write_json(file, &entries)?;
    }
    if let Some(file) = &args.svg {
        let title = format!("{} Mbit/s, {} round trip", args.path.rate as f64 / 1e6, args.path.rtt);
        plot::write_svg(file, &title, &lines(&entries))?;
    }
    ensure!(wrong == 0, "{wrong} runs delivered other bytes than were sent");
    Ok(())
}

/// One line for each TCP.
fn lines(entries: &[Entry]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for entry in entries {
        for flow in &entry.flows {
            let point = (entry.loss * 100.0, flow.goodput_percent.p50);
            let name = flow.tcp.to_string();
            match lines.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(point),
                None => lines.push(Line { name, points: vec![point] }),
            }
        }
    }
    lines
}

fn goals(args: &Args, libraries: &Libraries) -> Result<()> {
    let tcps = if args.tcp.is_empty() { goals::built(libraries) } else { args.tcp.clone() };
    let bar = progress(tcps.len() as u64 * 9 * args.seeds);
    let mut goals =
        Goals { libraries, seeds: args.seeds, first: args.seed, bar: &bar, rows: Vec::new(), lines: Vec::new() };
    goals.measure(&tcps)?;
    bar.finish_and_clear();
    goals.print();
    if let Some(file) = &args.json {
        report::write_json(file, &goals.rows)?;
    }
    if let Some(file) = &args.svg {
        plot::write_svg(file, "10 Mbit/s, 40 ms round trip, window 58,400 B", &goals.lines)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwip-tcp-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
