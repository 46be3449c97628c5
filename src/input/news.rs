//! What a segment has brought: the application hears of it, and the peer gets its answer.

use super::Segment;
use crate::api;
use crate::components::{flow_control, rod};
use crate::ffi::callbacks::Delivery;
use crate::ffi::ip::{Packet, Route};
use crate::ffi::pbuf::Pbuf;
use crate::ffi::{Error, Wnd};
use crate::output::{Reset, output, route, send_empty_ack};
use crate::pcb::{Bit, Core, PcbId};
use crate::wire::{Header, SeqNum};

/// What is to be done for a segment once its connection has processed it and its memory is back.
#[derive(Default)]
pub(super) struct News {
    /// Octets of ours that were acknowledged.
    pub(super) acked: Wnd,
    /// Data in order.
    pub(super) data: Option<Pbuf>,
    /// The peer's FIN.
    pub(super) fin: bool,
    /// An ACK has to go out at once, by itself: it tells of a gap, or of one that was filled, or challenges the peer.
    pub(super) ack_at_once: bool,
    /// LAST-ACK is over: the connection is closed on both sides.
    pub(super) closed: bool,
    /// No connection takes it: a listener may.
    pub(super) unclaimed: bool,
    /// The sender gets a reset.
    refusal: Option<Refusal>,
}

/// A reset that the sender of a segment accepts (RFC 9293 3.10.7.1).
#[derive(Clone, Copy)]
struct Refusal {
    seq: SeqNum,
    ack: SeqNum,
    local_port: u16,
    remote_port: u16,
}

impl News {
    /// Everything that is to be done; `id`: the connection that it is of, if it is of one.
    #[inline(always)]
    pub(super) fn act(self, core: &mut Core, id: Option<PcbId>) {
        if let Some(refusal) = self.refusal {
            refusal.send(core, id);
        }
        if let Some(id) = id {
            deliver(core, id, self);
        }
    }

    /// RFC 9293 3.10.7.1.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self, segment: &Segment) {
        let Header { seq, ack, dst, src, .. } = segment.header;
        self.refusal = Some(Refusal { seq: ack, ack: seq + segment.seq_len, local_port: dst, remote_port: src });
    }
}

impl Refusal {
    /// That of a connection goes the connection's way; what belongs to none goes back by the way that it came.
    #[cold]
    #[inline(never)]
    fn send(self, core: &mut Core, id: Option<PcbId>) {
        let Self { seq, ack, local_port: src, remote_port: dst } = self;
        let packet = Packet::current(core);
        let pcb = id.and_then(|id| core.get(id));
        let netif = match pcb {
            Some(pcb) => route(pcb),
            None => packet.netif(),
        };
        if let Some(netif) = netif {
            let route = Route::between(packet.dst(), packet.src(), netif, pcb);
            Reset { seq, ack, src, dst, route }.send(core);
        }
    }
}

/// Tells the application what a segment brought, and answers the peer.
fn deliver(core: &mut Core, id: PcbId, news: News) {
    if news.ack_at_once {
        send_empty_ack(core, id).ok();
    }
    let lives = deliver_sent(core, id, news.acked)
        && !close_if_done(core, id, news.closed)
        && deliver_data(core, id, news.data)
        && (!news.fin || deliver_fin(core, id));
    core.set_input_pcb(core::ptr::null_mut());
    if lives && !close_if_done(core, id, false) {
        output(core, id).ok();
    }
    api::on_input_done(core);
}

/// The sent callback, which counts in 16 bits. False if the PCB is gone.
fn deliver_sent(core: &mut Core, id: PcbId, acked: Wnd) -> bool {
    let mut left = acked;
    while left > 0 {
        let part = u16::try_from(left).unwrap_or(u16::MAX);
        left -= Wnd::from(part);
        if core.call_sent(id, part) == Err(Error::ABRT) {
            return false;
        }
    }
    true
}

/// The connection has come to its end, by LAST-ACK or because the application closed it with data unread: frees it.
fn close_if_done(core: &mut Core, id: PcbId, closed: bool) -> bool {
    let done = closed || core.input_closed();
    if done {
        close(core, id);
    }
    done
}

#[cold]
#[inline(never)]
fn close(core: &mut Core, id: PcbId) {
    if let Some(pcb) = core.get(id) {
        let error = (!pcb.has(Bit::RX_CLOSED)).then_some(Error::CLSD);
        api::finish(core, id, false, error);
    }
}

/// The recv callback, for at most 64 kB at a time. False if the PCB is gone.
fn deliver_data(core: &mut Core, id: PcbId, data: Option<Pbuf>) -> bool {
    let mut next = data;
    while let Some(mut data) = next {
        let rest = data.split_64k();
        match core.call_recv(id, data) {
            Delivery::Taken => next = rest,
            Delivery::Aborted => return false,
            Delivery::Refused(mut refused) => {
                if let Some(rest) = rest {
                    refused.cat(rest);
                }
                let Some(pcb) = core.get(id) else { return false };
                rod::put_refused_data(pcb, refused);
                return true;
            }
        }
    }
    true
}

/// The FIN comes after the data, refused ones too. False if the PCB is gone.
fn deliver_fin(core: &mut Core, id: PcbId) -> bool {
    let Some(pcb) = core.get(id) else { return false };
    if pcb.has_refused_data() {
        rod::mark_refused_fin(pcb);
        return true;
    }
    flow_control::on_fin_delivered(pcb);
    core.call_closed(id) != Err(Error::ABRT)
}
