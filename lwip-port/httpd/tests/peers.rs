//! The program with curl and the kernel as its peers, see peers.sh. Where the kernel gives no namespace the reason is printed, and
//! nothing is tested.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;

/// peers.sh: there is no network to be had here.
const NO_NETWORK: i32 = 77;

#[test]
fn curl() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("curl");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers.sh");
    let output = Command::new(script).arg(env!("CARGO_BIN_EXE_lwiphost-httpd")).arg(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NO_NETWORK) {
        // Not by println!(), which shows nothing of a test that passes.
        io::stderr().write_all(format!("SKIPPED: {said}\n").as_bytes()).unwrap();
        return;
    }
    assert!(output.status.success(), "{}: {said}", output.status);
    let _ = fs::remove_dir_all(&folder);
}
