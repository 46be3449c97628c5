//! `lwiphost stat`: the connections of a running server, over a socket that the server offers in the user's own folder.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::cli::StatOptions;
use crate::output::say;
use crate::server::Connections;

/// Each process has its socket here, named by its number. Only this user may look in.
fn folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) => PathBuf::from(folder).join("lwiphost"),
        None => std::env::temp_dir().join(format!("lwiphost-{}", nix::unistd::getuid())),
    }
}

/// Answers whoever connects with a table, again and again at each line that it sends.
pub fn offer(connections: &Connections) -> Result<()> {
    let folder = folder();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).context("no folder for `lwiphost stat`")?;
    let path = folder.join(std::process::id().to_string());
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(|| format!("no socket {}", path.display()))?;
    let connections = Arc::clone(connections);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let connections = Arc::clone(&connections);
            // Who goes away ends only its own thread.
            thread::spawn(move || answer(client, &connections));
        }
    });
    Ok(())
}

fn answer(mut client: UnixStream, connections: &Connections) -> io::Result<()> {
    let mut questions = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    while questions.read_line(&mut line)? > 0 {
        line.clear();
        // An empty line ends each table.
        client.write_all((table(connections) + "\n").as_bytes())?;
    }
    Ok(())
}

fn table(connections: &Connections) -> String {
    let streams: Vec<_> = {
        let connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.values().filter_map(|stream| stream.try_clone().ok()).collect()
    };
    let mut table = format!(
        "{:<12} {:<22} {:>5} {:>9} {:>9} {:>9} {:>10} {:>12} {:>12} {:>6}\n",
        "state", "peer", "port", "rtt ms", "rto ms", "cwnd", "in flight", "bytes in", "bytes out", "retx"
    );
    for stream in streams {
        let (Ok(info), Ok(peer), Ok(local)) = (stream.info(), stream.peer_addr(), stream.local_addr()) else {
            continue;
        };
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let _ = writeln!(
            table,
            "{:<12} {:<22} {:>5} {:>9.1} {:>9.1} {:>9} {:>10} {:>12} {:>12} {:>6}",
            format!("{:?}", info.state),
            peer.to_string(),
            local.port(),
            milliseconds(info.rtt),
            milliseconds(info.rto),
            info.cwnd,
            info.in_flight,
            info.bytes_received,
            info.bytes_acked,
            info.retransmissions
        );
    }
    table
}

/// The socket of that server, or of the only one that runs.
fn find(process: Option<u32>) -> Result<UnixStream> {
    let folder = folder();
    if let Some(process) = process {
        return UnixStream::connect(folder.join(process.to_string()))
            .with_context(|| format!("process {process} is no `lwiphost server` of this user"));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        match UnixStream::connect(entry.path()) {
            Ok(stream) => found.push((entry.file_name().to_string_lossy().into_owned(), stream)),
            // Its process is gone, and left it behind.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(fs::remove_file(entry.path())),
            Err(_) => {}
        }
    }
    match (found.pop(), found.as_slice()) {
        (Some((_, stream)), []) => Ok(stream),
        (None, _) => bail!("no `lwiphost server` of this user runs"),
        (Some((last, _)), others) => {
            let names: Vec<_> = others.iter().map(|(name, _)| name.as_str()).chain([last.as_str()]).collect();
            bail!("several servers run; say which: lwiphost stat {}", names.join(" | "))
        }
    }
}

pub fn run(options: &StatOptions) -> Result<()> {
    let mut server = find(options.process)?;
    let mut lines = BufReader::new(server.try_clone()?).lines();
    let mut tables = 0;
    // On a terminal each table takes the place of the one before.
    let clear = if io::stdout().is_terminal() && options.count.is_none() { "\x1b[H\x1b[J" } else { "" };
    loop {
        server.write_all(b"\n").context("the server is gone")?;
        let mut start = clear;
        for line in lines.by_ref() {
            let line = line.context("the server is gone")?;
            if line.is_empty() {
                break;
            }
            say!("{start}{line}")?;
            start = "";
        }
        say!("")?;
        tables += 1;
        if options.count.is_some_and(|count| tables >= count) {
            return Ok(());
        }
        thread::sleep(options.interval);
    }
}
