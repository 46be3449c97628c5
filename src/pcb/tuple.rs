//! The 4-tuple by which a segment finds its connection.

use super::Pcb;
use crate::ffi::ip::Addr;

/// What identifies a connection, from our point of view.
#[derive(Clone, Copy)]
pub(crate) struct Tuple<'a> {
    pub(crate) local: Addr<'a>,
    pub(crate) local_port: u16,
    pub(crate) remote: Addr<'a>,
    pub(crate) remote_port: u16,
}

impl<'c> Tuple<'c> {
    /// That of a PCB.
    pub(crate) fn of(pcb: Pcb<'c>) -> Self {
        Self {
            local: pcb.local_ip(),
            local_port: pcb.local_port(),
            remote: pcb.remote_ip(),
            remote_port: pcb.remote_port(),
        }
    }

    /// The PCB is that of this connection.
    pub(crate) fn matches(&self, pcb: Pcb<'_>) -> bool {
        pcb.remote_port() == self.remote_port
            && pcb.local_port() == self.local_port
            && pcb.remote_ip().eq(self.remote)
            && pcb.local_ip().eq(self.local)
    }
}
