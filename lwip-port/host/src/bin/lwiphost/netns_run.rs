//! `--run`: a command in the namespace, beside the stack.

use std::process::{Child, Command, ExitCode};

use anyhow::{Context as _, Result};
use lwip_host::netns::{KERNEL_V4, KERNEL_V6, Namespace, STACK_V4, STACK_V6};

use crate::cli::FAILED;

/// Starts it, with the addresses of both ends in its environment.
pub fn start(command: &str) -> Result<Child> {
    Command::new("sh")
        .args(["-c", command])
        .env("LWIP4", STACK_V4.0.to_string())
        .env("LWIP6", STACK_V6.0.to_string())
        .env("KERNEL4", KERNEL_V4.0.to_string())
        .env("KERNEL6", KERNEL_V6.0.to_string())
        .spawn()
        .with_context(|| format!("cannot start {command}"))
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
pub fn announce(namespace: &Namespace) {
    eprintln!(
        "the kernel is at {} and {}; from another terminal:\n  {} ping {}",
        KERNEL_V4.0,
        KERNEL_V6.0,
        namespace.enter_command(),
        STACK_V4.0
    );
}
