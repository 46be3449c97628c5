//! What commands print. `println!` and `eprintln!` panic where nobody reads any more, as at the left of `| head -1`.

use std::fmt;
use std::io::{self, Write as _};

use anyhow::Result;

/// Whoever reads standard output has seen enough: the command ends, and all is well.
#[derive(Debug)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output is closed")
    }
}

/// A line on standard output, which is what the command was asked for.
macro_rules! say {
    ($($arguments:tt)*) => {
        $crate::output::line(format_args!($($arguments)*))
    };
}

/// A line on standard error, for whoever watches.
macro_rules! note {
    ($($arguments:tt)*) => {
        $crate::output::remark(format_args!($($arguments)*))
    };
}

pub(crate) use {note, say};

pub fn line(arguments: fmt::Arguments<'_>) -> Result<()> {
    let mut output = io::stdout().lock();
    written(output.write_fmt(arguments).and_then(|()| output.write_all(b"\n")))
}

pub fn remark(arguments: fmt::Arguments<'_>) {
    // There is no place left to say it.
    let _ = writeln!(io::stderr().lock(), "{arguments}");
}

/// The result of writing to standard output.
pub fn written<T>(result: io::Result<T>) -> Result<T> {
    result.map_err(|error| {
        let closed = error.kind() == io::ErrorKind::BrokenPipe;
        let error = anyhow::Error::new(error);
        if closed { error.context(Closed) } else { error.context("standard output") }
    })
}
