//! A running peer: one lwIP, either core, that does what a trace says.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a peer printed after one step; `None` when it was not there any more.
pub type Output = Option<Vec<String>>;

/// A peer process.
pub struct Peer {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    dead: bool,
}

impl Peer {
    /// Starts the program.
    pub fn start(program: &Path) -> Result<Self, String> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|why| format!("{}: {why} (build the peers first: cmake --build)", program.display()))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        Ok(Self { child, to, from, dead: false })
    }

    /// One step; a peer that died (assertion, crash, watchdog) says so once, then gives `None`.
    pub fn step(&mut self, line: &str) -> Output {
        if self.dead {
            return None;
        }
        let to = self.to.as_mut()?;
        if to.write_all(format!("{line}\n").as_bytes()).is_err() {
            return self.died(Vec::new());
        }
        let mut lines = Vec::new();
        loop {
            let mut text = String::new();
            match self.from.read_line(&mut text) {
                Ok(n) if n > 0 => {}
                _ => return self.died(lines),
            }
            let text = text.trim_end();
            if text == "." {
                if lines.last().is_some_and(|l: &String| l.starts_with("assert ")) {
                    self.dead = true;
                }
                return Some(lines);
            }
            lines.push(text.to_string());
        }
    }

    fn died(&mut self, mut lines: Vec<String>) -> Output {
        self.dead = true;
        self.to = None;
        let how = self.child.wait().map(|s| s.to_string()).unwrap_or_default();
        lines.push(format!("died {how}"));
        Some(lines)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.to = None;
        // Without input it ends by itself, and its watchdog ends it if it hangs.
        let _ = self.child.wait();
    }
}

/// Runs a whole trace.
pub fn run(program: &Path, trace: &[String]) -> Result<Vec<Output>, String> {
    let mut peer = Peer::start(program)?;
    Ok(trace.iter().map(|line| peer.step(line)).collect())
}
