//! `lwiphost client`: standard input to a connection, and back.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::thread;

use anyhow::{Context as _, Result};
use lwip_host::TcpStream;

use crate::cli::ClientOptions;
use crate::host::Host;
use crate::output::{note, written};

pub fn run(options: &ClientOptions, host: &Host) -> Result<()> {
    let to = host.resolve(&options.host, options.port)?;
    let mut stream = host.connect(to, options.timeout)?;
    note!("connected to {to}");
    let sender = stream.try_clone()?;
    // Nobody waits for it: where the far end closes first, standard input may never end.
    thread::spawn(move || send_input(&sender));
    let mut buffer = vec![0; 64 * 1024];
    let mut output = io::stdout().lock();
    loop {
        let length = stream.read(&mut buffer).with_context(|| format!("the connection to {to} failed"))?;
        if length == 0 {
            return Ok(());
        }
        written(output.write_all(buffer.get(..length).unwrap_or_default()).and_then(|()| output.flush()))?;
    }
}

/// The end of the input closes our direction, and only that. The reader tells of errors.
fn send_input(mut stream: &TcpStream) -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut stream)?;
    stream.shutdown(Shutdown::Write)
}
