//! `lwiphost` as a person, a pipe and a script meet it. No privilege is needed: two of the program are on one wire.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LWIPHOST: &str = env!("CARGO_BIN_EXE_lwiphost");
/// Exit status: the network cannot be had.
const NO_NETWORK: i32 = 3;

fn run(arguments: &[&str]) -> Output {
    Command::new(LWIPHOST).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The device that has a command of this program at its far end.
fn joined_with(command: &str) -> String {
    format!("exec:'{LWIPHOST}' {command} --device stdio --ip 192.0.2.1 --ip fd6c:7769:7000::1")
}

#[test]
fn an_interface_that_is_not_there_is_told() {
    for arguments in [&["tcpdump", "-i", "no-such-if"][..], &["ping", "--device", "packet:no-such-if", "192.0.2.1"]] {
        let output = run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(NO_NETWORK), "{said}");
        assert!(said.contains("no-such-if") && said.contains("`ip link` lists"), "{said}");
        assert!(!said.contains("CAP_NET_RAW"), "that would not help: {said}");
    }
}

#[test]
fn two_of_the_program_are_on_one_wire() {
    for address in ["192.0.2.1", "fd6c:7769:7000::1"] {
        let output = run(&["ping", "-c", "2", "-i", "10ms", "--device", &joined_with("server --quiet"), address]);
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{printed}{said}");
        assert!(printed.contains("2 sent, 2 received, 0% lost") && printed.contains("min/avg/max"), "{printed}");
    }
}

/// Where standard output is the wire, no word may be said on it.
#[test]
fn a_wire_on_standard_output_carries_frames_only() {
    let far = joined_with("ping -c 3 -i 10ms 192.0.2.2");
    let mut server = Command::new(LWIPHOST)
        .args(["server", "--quiet", "--device", &far])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The far end prints there too.
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let report = lines.find(|line| line.contains("received")).expect("it reports");
    assert!(report.contains("3 sent, 3 received"), "{report}");
    interrupt(&server);
    assert!(server.wait().unwrap().success());
}

fn interrupt(process: &std::process::Child) {
    kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

#[test]
fn ping_reports_when_it_is_interrupted() {
    let mut ping = Command::new(LWIPHOST)
        .args(["ping", "-c", "1000", "-i", "10s", "--device", &joined_with("server --quiet"), "192.0.2.1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(ping.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("seq=0") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ends too early");
    }
    interrupt(&ping);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("1 sent, 1 received, 0% lost"), "{rest}");
    assert!(ping.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    for arguments in [
        &["loopback", "--bytes", "100k"][..],
        &["ping", "-i", "10ms", "--device", &joined_with("server --quiet"), "192.0.2.1"],
        &["iperf", "-s", "--device", "loopback"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(LWIPHOST).args(arguments).stdin(Stdio::null()).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}: {}", output.status, text(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    }
}

#[test]
fn a_wrong_command_line_is_status_2_and_help_is_none() {
    for arguments in [&["ping"][..], &["bogus"], &["server", "--drop-chance", "101"], &["loopback", "--device", "x:y"]]
    {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    for command in ["server", "client", "ping", "http-get", "tcpdump", "loopback", "iperf", "stat", "httpd"] {
        let output = run(&[command, "--help"]);
        assert!(output.status.success());
        let help = text(&output.stdout);
        assert!(help.contains("--netns") && help.contains("--drop-chance"), "{help}");
        assert!(!help.contains('\x1b'), "colours in a pipe: {help}");
    }
}
