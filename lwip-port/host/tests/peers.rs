//! `lwiphost server` with the kernel and Debian's programs as its peers, over links that are worse and worse. What the stack saw
//! is read by tcpdump, which has to find nothing malformed.
//!
//! Where the kernel gives no namespace the reason is printed, and nothing is tested.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;

const LWIPHOST: &str = env!("CARGO_BIN_EXE_lwiphost");
/// `lwiphost`: there is no network to be had here.
const NO_NETWORK: i32 = 3;

fn over(name: &str, link: &[&str], script_options: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers.sh");
    let capture = folder.join("capture.pcapng");
    let output = Command::new(LWIPHOST)
        .args(["server", "--netns", "--seed", "1", "--pcap"])
        .arg(&capture)
        .arg("--run")
        .arg(format!("'{script}' {script_options} '{}'", folder.display()))
        .args(link)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NO_NETWORK) {
        // Not by println!(), which shows nothing of a test that passes.
        io::stderr().write_all(format!("SKIPPED: {said}\n").as_bytes()).unwrap();
        return;
    }
    assert!(output.status.success(), "{}: {said}", output.status);
    // What the link changed on its way to the stack is malformed, and shall be.
    if !link.contains(&"--corrupt-chance") {
        let read = Command::new("tcpdump").args(["-n", "-vv", "-r"]).arg(&capture).output().unwrap();
        let lines = String::from_utf8_lossy(&read.stdout);
        assert!(read.status.success() && lines.lines().count() > 100, "tcpdump cannot read the recording");
        for wrong in ["bad cksum", "incorrect", "malformed", "[|", "invalid"] {
            if let Some(line) = lines.lines().find(|line| line.contains(wrong)) {
                panic!("tcpdump: {line}");
            }
        }
    }
}

#[test]
fn a_good_link() {
    over("good", &[], "");
}

#[test]
fn one_percent_lost() {
    over("loss-1", &["--drop-chance", "1%"], "");
}

#[test]
fn five_percent_lost() {
    over("loss-5", &["--drop-chance", "5%"], "");
}

#[test]
fn two_percent_corrupted() {
    over("corrupt-2", &["--corrupt-chance", "2%"], "");
}

#[test]
fn five_percent_reordered() {
    over("reorder-5", &["--reorder-chance", "5%"], "");
}

#[test]
fn two_percent_duplicated() {
    over("duplicate-2", &["--duplicate-chance", "2%"], "");
}

#[test]
fn fifty_milliseconds_away() {
    over("delay-50", &["--delay", "50ms"], "");
}

#[test]
fn small_packets() {
    over("mtu-576", &["--mtu", "576"], "-m");
}
