//! TCP sockets.

mod listener;
mod shared;
mod stream;

pub use listener::{Incoming, TcpListener};
pub(crate) use shared::{Backlog, Shared};
pub use stream::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf};
