//! lwIP's TCP, in C or in Rust, and smoltcp's over an emulated path in virtual time.

mod batch;
mod cli;
mod endpoint;
mod path;
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
    let entries = measure(args, &libraries)?;
    report::print(&entries);
    if let Some(file) = &args.json {
        report::write_json(file, &entries)?;
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
