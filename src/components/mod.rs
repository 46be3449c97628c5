//! The rules of TCP, in four components that own disjoint parts of a PCB (see the table in `pcb/fields.rs`).
//!
//! A component is told what happened, by methods named after event and state, as plain values; it changes its own
//! fields and returns what is to be done as a small value. It calls neither C nor another component's setters: `input`,
//! `output`, `timer` and `api` do the calling.

#![forbid(unsafe_code)]

pub(crate) mod congestion_control;
pub(crate) mod connection_management;
pub(crate) mod flow_control;
pub(crate) mod rod;
