//! A TCP/IP stack as one program: see `lwiphost --help` and docs/host.md.

mod cli;
mod decode;
mod network;
mod tcpdump;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use lwip_host::netns::Namespace;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before anything starts a thread.
    let namespace = match cli.network.netns.then(Namespace::enter).transpose() {
        Ok(namespace) => namespace,
        Err(error) => {
            eprintln!("lwiphost: --netns: {error}");
            return ExitCode::from(cli::NO_NETWORK);
        }
    };
    match dispatch(&cli, namespace.as_ref()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lwiphost: {error:#}");
            ExitCode::from(cli::FAILED)
        }
    }
}

fn dispatch(cli: &Cli, namespace: Option<&Namespace>) -> Result<ExitCode> {
    match &cli.command {
        Command::Tcpdump(options) => tcpdump::run(options, &cli.network, namespace)?,
    }
    Ok(ExitCode::SUCCESS)
}
