//! Compiles, of lwIP, what PCBs and pbufs are made of, with the same folders and flags as the core's build.rs.

use std::env;
use std::path::PathBuf;
use std::process::exit;

/// Pools, heap, pbufs, byte order, statistics, checksums; nothing that sends, receives or waits.
const FILES: [&str; 6] = ["def.c", "inet_chksum.c", "mem.c", "memp.c", "pbuf.c", "stats.c"];

fn main() {
    println!("cargo::rerun-if-changed=src/stubs.c");
    let lwip = PathBuf::from(variable("LWIP_DIR"));
    let folders = variable("LWIP_INCLUDE_DIRS");
    let flags = variable("LWIP_CFLAGS");
    let mut build = cc::Build::new();
    build.includes(env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()));
    build.include(lwip.join("src/include")).warnings(false).file("src/stubs.c");
    for file in FILES {
        build.file(lwip.join("src/core").join(file));
    }
    for flag in shlex::split(&flags).unwrap_or_default() {
        build.flag(flag);
    }
    if let Err(error) = build.try_compile("lwip_memory") {
        println!(
            "cargo::error=lwIP's memory management does not compile (LWIP_DIR, LWIP_INCLUDE_DIRS, LWIP_CFLAGS): {error}"
        );
        exit(1);
    }
}

/// The core's own build.rs says what is wrong with a variable, and fails.
fn variable(name: &str) -> String {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).unwrap_or_default()
}
