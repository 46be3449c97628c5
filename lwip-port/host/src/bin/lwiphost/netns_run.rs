//! `--run`: a command in the namespace, beside the stack.

use std::net::IpAddr;
use std::process::{Child, Command, ExitCode};

use anyhow::{Context as _, Result};
use lwip_host::netns::Namespace;

use crate::cli::{FAILED, NetworkOptions};
use crate::network;
use crate::output::note;

/// Starts it, with the addresses of both ends in its environment, as far as there are any.
pub fn start(command: &str, network: &NetworkOptions) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    for (end, addresses) in [("LWIP", network::addresses(network)), ("KERNEL", network::kernel_addresses(network))] {
        let first = |is_of: fn(&IpAddr) -> bool| addresses.iter().map(|prefixed| prefixed.address).find(is_of);
        for (family, address) in [(4, first(IpAddr::is_ipv4)), (6, first(IpAddr::is_ipv6))] {
            match address {
                Some(address) => shell.env(format!("{end}{family}"), address.to_string()),
                None => shell.env_remove(format!("{end}{family}")),
            };
        }
    }
    shell.spawn().with_context(|| format!("cannot start {command}"))
}

/// Waits for it; its exit status is ours.
pub fn finish(mut child: Child) -> Result<ExitCode> {
    let status = child.wait().context("the command of --run was lost")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)))
}

/// Ends one that only was there for us.
pub fn stop(mut child: Child) -> Result<()> {
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().context("the command of --run was lost").map(drop)
}

/// Tells how to use the namespace from elsewhere.
pub fn announce(namespace: &Namespace, network: &NetworkOptions) {
    let all: Vec<_> = network::kernel_addresses(network).iter().map(|kernel| kernel.address.to_string()).collect();
    note!("the kernel is at {}; from another terminal:", all.join(" and "));
    for stack in network::addresses(network).iter().take(1) {
        note!("  {} ping {}", namespace.enter_command(), stack.address);
    }
}
