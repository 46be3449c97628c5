//! What cannot be said in safe Rust. Each `unsafe` block of the crate is below here.

pub(crate) mod linux;
