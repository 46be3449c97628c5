//! A TCP/IP stack as one program: see `lwiphost --help` and docs/host.md.

mod cli;
mod client;
mod decode;
mod host;
mod http_get;
mod httpd;
mod interrupt;
mod iperf;
mod loopback;
mod netns_run;
mod network;
mod output;
mod ping;
mod progress;
mod server;
mod stat;
mod tcpdump;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use lwip_host::netns::Namespace;

use cli::{Cli, Command};
use host::Host;
use output::note;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before anything starts a thread.
    let namespace = match cli.network.netns.then(Namespace::enter).transpose() {
        Ok(namespace) => namespace,
        Err(error) => {
            note!("lwiphost: --netns: {error}");
            return ExitCode::from(cli::NO_NETWORK);
        }
    };
    match dispatch(&cli, namespace.as_ref()) {
        Ok(code) => code,
        Err(error) if error.is::<output::Closed>() => ExitCode::SUCCESS,
        Err(error) => {
            note!("lwiphost: {error:#}");
            ExitCode::from(if error.is::<network::Unavailable>() { cli::NO_NETWORK } else { cli::FAILED })
        }
    }
}

fn dispatch(cli: &Cli, namespace: Option<&Namespace>) -> Result<ExitCode> {
    let network = &cli.network;
    let with_host = |run: &dyn Fn(&Host) -> Result<bool>| -> Result<ExitCode> {
        let host = host::start(network, namespace)?;
        // What else the namespace needs, a server for example, lives as long as we do.
        let child = network.run.as_deref().map(|command| netns_run::start(command, network)).transpose()?;
        let good = run(&host);
        if let Some(child) = child {
            netns_run::stop(child)?;
        }
        host.watch.report();
        Ok(if good? { ExitCode::SUCCESS } else { ExitCode::from(cli::FAILED) })
    };
    match &cli.command {
        Command::Server(options) => server::run(options, network, namespace),
        Command::Client(options) => with_host(&|host| client::run(options, host).map(|()| true)),
        Command::Ping(options) => with_host(&|host| ping::run(options, host)),
        Command::HttpGet(options) => with_host(&|host| http_get::run(options, host)),
        Command::Httpd(options) => httpd::run(options, network, namespace),
        Command::Tcpdump(options) => tcpdump::run(options, network, namespace).map(|()| ExitCode::SUCCESS),
        Command::Iperf(options) => with_host(&|host| iperf::run(options, host).map(|()| true)),
        Command::Stat(options) => stat::run(options).map(|()| ExitCode::SUCCESS),
        Command::Loopback(options) => {
            let host = host::plug_in(network, network::open_or_loopback(network, namespace)?)?;
            loopback::run(options, &host)?;
            host.watch.report();
            Ok(ExitCode::SUCCESS)
        }
    }
}
