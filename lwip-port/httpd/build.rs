//! Builds lwIP's C with the options in port/, the Rust core for the same options, and the bindings to both.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(rust_tcp)");
    for input in ["build.rs", "port"] {
        println!("cargo::rerun-if-changed={input}");
    }
    for variable in ["LWIP_DIR", "LWIP_USE_RUST_TCP"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let here = PathBuf::from(required("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(required("OUT_DIR"));
    let root =
        here.join("../..").canonicalize().unwrap_or_else(|error| fail(&format!("no repository around: {error}")));
    let lwip = lwip(&root);
    // The port's own arch/cc.h comes before contrib's.
    let includes = [here.join("port"), lwip.join("contrib/ports/unix/port/include"), lwip.join("src/include")];
    let rust_tcp = uses_rust_tcp();
    compile_c(&lwip, &includes, rust_tcp);
    bind(&here, &includes, &out);
    if rust_tcp {
        println!("cargo::rustc-cfg=rust_tcp");
        build_core(&root, &lwip, &includes, &out);
    }
}

/// Stops the build with one message that says what to do.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    eprintln!("error: {message}");
    exit(1);
}

fn required(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| fail(&format!("{variable} is not set: run this by cargo")))
}

/// The folder of lwIP: the user's, or the one that scripts/fetch-lwip fetches once.
fn lwip(root: &Path) -> PathBuf {
    let folder = match env::var_os("LWIP_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => {
            let script = root.join("scripts/fetch-lwip");
            let output = Command::new(&script)
                .output()
                .unwrap_or_else(|error| fail(&format!("cannot run {}: {error}. Set LWIP_DIR", script.display())));
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
                fail(&format!("scripts/fetch-lwip failed: {why} (or set LWIP_DIR to a folder of lwIP 2.2.1)"));
            }
            PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
        }
    };
    if !folder.join("src/include/lwip/tcp.h").is_file() {
        fail(&format!("{} is no lwIP folder: it has no src/include/lwip/tcp.h. Set LWIP_DIR", folder.display()));
    }
    folder
}

fn uses_rust_tcp() -> bool {
    match env::var("LWIP_USE_RUST_TCP").unwrap_or_default().to_ascii_uppercase().as_str() {
        "" | "ON" | "1" | "TRUE" | "YES" => true,
        "OFF" | "0" | "FALSE" | "NO" => false,
        other => fail(&format!("LWIP_USE_RUST_TCP is ON or OFF, not {other}")),
    }
}

/// All of lwIP's core that the options can want; what they leave out is empty.
const SOURCES: [&str; 35] = [
    "core/def.c",
    "core/inet_chksum.c",
    "core/init.c",
    "core/ip.c",
    "core/mem.c",
    "core/memp.c",
    "core/netif.c",
    "core/pbuf.c",
    "core/stats.c",
    "core/sys.c",
    "core/timeouts.c",
    "core/udp.c",
    "core/ipv4/acd.c",
    "core/ipv4/etharp.c",
    "core/ipv4/icmp.c",
    "core/ipv4/igmp.c",
    "core/ipv4/ip4.c",
    "core/ipv4/ip4_addr.c",
    "core/ipv4/ip4_frag.c",
    "core/ipv6/ethip6.c",
    "core/ipv6/icmp6.c",
    "core/ipv6/inet6.c",
    "core/ipv6/ip6.c",
    "core/ipv6/ip6_addr.c",
    "core/ipv6/ip6_frag.c",
    "core/ipv6/mld6.c",
    "core/ipv6/nd6.c",
    "netif/ethernet.c",
    "api/api_lib.c",
    "api/api_msg.c",
    "api/err.c",
    "api/if_api.c",
    "api/netbuf.c",
    "api/sockets.c",
    "api/tcpip.c",
];
const C_TCP: [&str; 3] = ["core/tcp.c", "core/tcp_in.c", "core/tcp_out.c"];
/// Of lwIP's unix port: threads, and the TAP device.
const PORT: [&str; 2] = ["sys_arch.c", "netif/tapif.c"];

fn compile_c(lwip: &Path, includes: &[PathBuf], rust_tcp: bool) {
    let mut build = cc::Build::new();
    build.includes(includes).warnings(false).opt_level(2).cargo_metadata(false);
    build.define("_GNU_SOURCE", None);
    let c_tcp = C_TCP.iter().filter(|_| !rust_tcp);
    for source in SOURCES.iter().chain(c_tcp) {
        build.file(lwip.join("src").join(source));
    }
    for source in PORT {
        build.file(lwip.join("contrib/ports/unix/port").join(source));
    }
    if let Err(error) = build.try_compile("lwip_httpd_c") {
        fail(&format!("lwIP's C does not compile: {error}"));
    }
    // C calls into the core and the core into C, so no order of the two archives would do for a linker that reads each once.
    println!("cargo::rustc-link-search=native={}", required("OUT_DIR"));
    println!("cargo::rustc-link-lib=static:+whole-archive=lwip_httpd_c");
}

fn bind(here: &Path, includes: &[PathBuf], out: &Path) {
    let builder = bindgen::Builder::default()
        .header(here.join("port/bindings.h").display().to_string())
        .clang_args(includes.iter().map(|folder| format!("-I{}", folder.display())))
        .use_core()
        .layout_tests(false)
        .derive_default(false)
        .generate_comments(false)
        .prepend_enum_name(false)
        .allowlist_function("lwip_.*|tcpip_.*|sys_(un)?lock_tcpip_core|netif_.*|tapif_init")
        .allowlist_var("tcp_(active|tw)_pcbs|tcp_listen_pcbs|lwip_stats|AF_.*|SO_.*|SOCK_.*|SOL_.*|SHUT_.*|POLL.*|O_NONBLOCK|F_.*|MEMP_.*|TCP_NODELAY|IPPROTO_TCP|PF_.*|NETIF_FLAG_MLD6|IP6_ADDR_PREFERRED")
        .allowlist_type("memp_t|tcp_.*|netif|sockaddr.*|pollfd|linger|ip.*_addr_t|lwip_ip_addr_type")
        .blocklist_function("lwip_httpd_.*");
    match builder.generate() {
        Ok(bindings) => bindings
            .write_to_file(out.join("bindings.rs"))
            .unwrap_or_else(|error| fail(&format!("cannot write the bindings: {error}"))),
        Err(error) => fail(&format!("bindgen cannot read lwIP's headers: {error}")),
    }
}

/// The core as an rlib for the options in port/. A dependency in Cargo.toml would be built with the environment of whoever
/// calls cargo, and the core reads lwIP's folder and options from there.
fn build_core(root: &Path, lwip: &Path, includes: &[PathBuf], out: &Path) {
    for input in ["src", "build.rs", "wrapper.c", "wrapper.h", "cbindgen.toml", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    let target = out.join("core");
    let triple = required("TARGET");
    let list = env::join_paths(includes).unwrap_or_else(|error| fail(&format!("a folder's name has a colon: {error}")));
    let mut cargo = Command::new(required("CARGO"));
    cargo
        .args(["rustc", "--quiet", "--lib", "--crate-type", "rlib", "--profile", "fast", "--target", &triple])
        // With unwinding std brings the panic handler; see the core's src/lib.rs.
        .args(["--config", "profile.fast.panic='unwind'", "--config", "profile.release.panic='unwind'"])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("LWIP_DIR", lwip)
        .env("LWIP_INCLUDE_DIRS", list)
        .env("LWIP_CFLAGS", "-O2")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET_DIR")
        // Set by cargo clippy for the crate that it looks at, which is not this one.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    match cargo.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
            fail("the Rust core does not build (its messages are above)");
        }
        Err(error) => fail(&format!("cannot run cargo for the Rust core: {error}")),
    }
    let built = target.join(&triple).join("fast");
    if !built.join("liblwip_tcp_rust.rlib").is_file() {
        fail(&format!("no liblwip_tcp_rust.rlib in {}", built.display()));
    }
    println!("cargo::rustc-link-search=all={}", built.display());
}
