//! What a segment has brought: the application hears of it, and the peer gets its answer.

use super::Segment;
use crate::api;
use crate::components::rod;
use crate::ffi::callbacks::Delivery;
use crate::ffi::ip::{Packet, Route};
use crate::ffi::pbuf::Pbuf;
use crate::ffi::{Error, Wnd};
use crate::output::{Reset, output, route, send_empty_ack};
use crate::pcb::{Bit, Core, PcbId};

/// What is to be done for a segment once its connection has processed it.
#[derive(Default)]
pub(super) struct News {
    /// Octets of ours that were acknowledged.
    pub(super) acked: Wnd,
    /// What is left of the segment are data in order.
    pub(super) data: bool,
    /// The peer's FIN.
    pub(super) fin: bool,
    /// An ACK has to go out at once, by itself: it tells of a gap, or of one that was filled, or challenges the peer.
    pub(super) ack_at_once: bool,
    /// The sender gets a reset.
    pub(super) refused: bool,
}

impl Segment {
    /// A reset that the sender accepts (RFC 9293 3.10.7.1). That of a connection goes the connection's way; what belongs to none
    /// goes back by the way that it came.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&self, core: &mut Core, id: Option<PcbId>) {
        let packet = Packet::current(core);
        let pcb = id.and_then(|id| core.get(id));
        let netif = match pcb {
            Some(pcb) => route(pcb),
            None => packet.netif(),
        };
        if let Some(netif) = netif {
            let route = Route::between(packet.dst(), packet.src(), netif, pcb);
            Reset {
                seq: self.ack,
                ack: self.seq() + self.seq_len,
                src: self.ports.dst(),
                dst: self.ports.src(),
                route,
            }
            .send(core);
        }
    }
}

/// Tells the application what a segment brought, and answers the peer. Whether a callback has left the connection alive says its
/// name, not what the callback returned.
#[inline(always)]
pub(super) fn deliver(core: &mut Core, id: PcbId, news: &News, data: Option<Pbuf>) {
    if news.ack_at_once {
        send_empty_ack(core, id).ok();
    }
    deliver_sent(core, id, news.acked);
    close_if_done(core, id);
    deliver_data(core, id, data);
    if news.fin {
        deliver_fin(core, id);
    }
    core.set_input_pcb(core::ptr::null_mut());
    close_if_done(core, id);
    output(core, id).ok();
    api::on_input_done(core);
}

/// The sent callback, which counts in 16 bits.
fn deliver_sent(core: &mut Core, id: PcbId, acked: Wnd) {
    let mut left = acked;
    while left > 0 {
        let part = u16::try_from(left).unwrap_or(u16::MAX);
        left -= Wnd::from(part);
        core.call_sent(id, part).ok();
        if size_of::<Wnd>() == size_of::<u16>() {
            break;
        }
    }
}

/// The connection has come to its end, by LAST-ACK or because the application closed it with data unread: frees it.
fn close_if_done(core: &mut Core, id: PcbId) {
    if core.input_closed() {
        close(core, id);
    }
}

#[cold]
#[inline(never)]
fn close(core: &mut Core, id: PcbId) {
    if let Some(pcb) = core.get(id) {
        let error = (!pcb.has(Bit::RX_CLOSED)).then_some(Error::CLSD);
        api::finish(core, id, false, error);
    }
}

/// The recv callback, for at most 64 kB at a time.
fn deliver_data(core: &mut Core, id: PcbId, data: Option<Pbuf>) {
    let Some(mut data) = data else { return };
    loop {
        let rest = data.split_64k();
        let delivery = core.call_recv(id, data);
        let Some(rest) = rest else { return };
        if let Delivery::Refused = delivery {
            if let Some(pcb) = core.get(id) {
                rod::add_refused_data(pcb, rest);
            }
            return;
        }
        data = rest;
    }
}

/// The FIN comes after the data, refused ones too.
fn deliver_fin(core: &mut Core, id: PcbId) {
    let Some(pcb) = core.get(id) else { return };
    if pcb.has_refused_data() {
        rod::mark_refused_fin(pcb);
    } else {
        api::deliver_fin(core, id).ok();
    }
}
