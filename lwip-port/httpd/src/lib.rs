//! An HTTP/1.1 file server on lwIP's BSD sockets, with lwIP's TCP in Rust: one thread around `lwip_poll()`.
//!
//! [`ffi`] has lwIP and its sockets, [`http`] the protocol without any socket, [`files`] the folder, [`server`] the event loop.

pub mod ffi;
pub mod files;
pub mod http;
pub mod server;
