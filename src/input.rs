//! One segment's way in: validate, demultiplex, state machine, components, callbacks (RFC 9293 3.10.7).

#![forbid(unsafe_code)]

mod news;

use self::news::{News, deliver};
use crate::api;
use crate::components::rod::{Incoming, Recovery};
use crate::components::{congestion_control as cc, connection_management as cm, flow_control, rod};
use crate::ffi::Error;
use crate::ffi::diagnostics::{Event, debug, mib2_stat, tcp_stat};
use crate::ffi::ip::{Netif, Packet};
use crate::ffi::pbuf::{Arrival, Pbuf};
use crate::output::{effective_mss, send_empty_ack};
use crate::pcb::{Bit, Core, List, Listener, Pcb, PcbId, State, Tuple};
use crate::segmentation;
use crate::wire::{Control, Flags, HEADER_LEN, Options, Ports, SeqNum, Words};

/// The segment being processed: the SEG.x variables of RFC 9293 3.3.1, and what it has brought so far. In this order, so that
/// most of it is within reach of the short instructions of small processors.
#[repr(C)]
struct Segment {
    /// SEG.SEQ, the data, and whether a FIN follows them, as reassembly cuts them.
    incoming: Incoming,
    control: Control,
    ports: Ports,
    news: News,
    options: Options,
    /// SEG.ACK.
    ack: SeqNum,
    /// SEG.LEN: data, SYN and FIN.
    seq_len: u32,
    #[cfg(hook_tcp_inpacket_pcb)]
    option_area: crate::ffi::callbacks::hooks::OptionArea,
}

/// Why a segment is dropped before anybody has looked at it.
enum Malformed {
    /// Too short for what it says it has.
    Length,
    /// For more than one host.
    Destination,
    /// Wrong checksum.
    Checksum,
}

/// tcp_input: takes a segment that IP received on `netif`, payload at the TCP header.
///
/// Processing has left the stack when the application is called and answers go out: they go deepest.
pub(crate) fn input(core: &mut Core, p: Pbuf, netif: Option<Netif>) {
    tcp_stat!(recv);
    mib2_stat!(tcpinsegs);
    let (p, header_len) = match check(core, p, netif) {
        Ok(checked) => checked,
        Err(reason) => return discard(reason),
    };
    let mut segment = Segment::new(p, header_len);
    segment.read_options(header_len);
    segment.strip_header(header_len);
    let id = on_segment(core, &mut segment);
    if segment.news.refused {
        segment.refuse(core, id);
    }
    let data = if segment.news.data && id.is_some() {
        Some(segment.incoming.data.into_data())
    } else {
        drop(segment.incoming.data);
        None
    };
    if let Some(id) = id {
        deliver(core, id, &segment.news, data);
    }
}

impl Segment {
    /// A packet that begins with a header of so many octets.
    #[cfg_attr(not(hook_tcp_inpacket_pcb), allow(unused_mut))]
    fn new(mut data: Arrival, header_len: u16) -> Self {
        let Words { ports, seq, ack, control } = data.header();
        let flags = control.flags();
        Self {
            // The header is not longer than the packet.
            seq_len: u32::from(data.tot_len()) - u32::from(header_len) + u32::from(flags.has(Flags::SYN | Flags::FIN)),
            #[cfg(hook_tcp_inpacket_pcb)]
            option_area: option_area(&mut data, header_len),
            incoming: Incoming { seq, data, fin: flags.has(Flags::FIN) },
            control,
            ports,
            news: News::default(),
            options: Options::default(),
            ack,
        }
    }

    /// Options lie in the first pbuf as a rule; where they do not, they are copied together.
    fn read_options(&mut self, header_len: u16) {
        if header_len == HEADER_LEN {
            return;
        }
        let p = &self.incoming.data;
        match p.first().get(usize::from(HEADER_LEN)..usize::from(header_len)) {
            Some(area) => self.options.read(area),
            None => read_scattered_options(p, header_len, &mut self.options),
        }
    }

    /// The data are left.
    fn strip_header(&mut self, header_len: u16) {
        let p = &mut self.incoming.data;
        p.trim_front(header_len);
        if self.control.flags().has(Flags::PSH) {
            p.mark_push();
        }
    }

    fn seq(&self) -> SeqNum {
        self.incoming.seq
    }

    fn has(&self, flags: Flags) -> bool {
        self.control.flags().has(flags)
    }
}

#[cold]
#[inline(never)]
fn read_scattered_options(p: &Pbuf, header_len: u16, options: &mut Options) {
    p.with_copy(HEADER_LEN, header_len.wrapping_sub(HEADER_LEN), |area| options.read(area));
}

/// Where the options are, as LWIP_HOOK_TCP_INPACKET_PCB wants to know it; the header is left in host byte order.
#[cfg(hook_tcp_inpacket_pcb)]
fn option_area(p: &mut Arrival, header_len: u16) -> crate::ffi::callbacks::hooks::OptionArea {
    let len = header_len - HEADER_LEN;
    let in_first = len.min(p.len().saturating_sub(HEADER_LEN));
    let rest = if in_first < len { p.second_payload() } else { core::ptr::null_mut() };
    p.header_to_host();
    crate::ffi::callbacks::hooks::OptionArea { len, in_first, rest }
}

fn discard(reason: Malformed) {
    match reason {
        Malformed::Length => tcp_stat!(lenerr),
        Malformed::Destination => tcp_stat!(proterr),
        Malformed::Checksum => tcp_stat!(chkerr),
    }
    debug(Event::Discarded, 0, reason as u32);
    drop_counted();
}

fn drop_counted() {
    tcp_stat!(drop);
    mib2_stat!(tcpinerrs);
}

/// RFC 9293 3.1: checks lengths and checksum. Says how long the header is.
fn check(core: &Core, p: Pbuf, netif: Option<Netif>) -> Result<(Arrival, u16), Malformed> {
    let p = Arrival::new(p).ok_or(Malformed::Length)?;
    let packet = Packet::current(core);
    if packet.is_to_many() {
        return Err(Malformed::Destination);
    }
    if !packet.checksum_ok(&p, netif) {
        return Err(Malformed::Checksum);
    }
    let header_len = p.header().control.header_len();
    if header_len < HEADER_LEN || header_len > p.tot_len() {
        return Err(Malformed::Length);
    }
    Ok((p, header_len))
}

/// Has a segment processed by whom it is for. Gives the connection that has [`News`], or something to send.
#[cfg_attr(small, inline(never))]
fn on_segment(core: &mut Core, segment: &mut Segment) -> Option<PcbId> {
    core.set_input_closed(false);
    let packet = Packet::current(core);
    let tuple = packet_tuple(packet, segment.ports.dst(), segment.ports.src());
    let Some(pcb) = core.lookup(&tuple, || packet.netif_index()) else {
        return on_segment_in_closed(core, segment);
    };
    let id = pcb.id();
    #[cfg(hook_tcp_inpacket_pcb)]
    if !in_hook(pcb.as_ptr(), segment) {
        return None;
    }
    if pcb.state() == State::TimeWait {
        return on_segment_in_time_wait(core, id, segment);
    }
    cm::on_segment(pcb);
    if pcb.has_refused_data() && !offer_refused_data(core, id, segment) {
        drop_counted();
        return None;
    }
    core.set_input_pcb(id.as_ptr());
    #[cfg(sack_recovery)]
    core.set_duplicate(None);
    process(core, id, segment)
}

/// LWIP_HOOK_TCP_INPACKET_PCB: whether the segment is to be processed.
#[cfg(hook_tcp_inpacket_pcb)]
fn in_hook(pcb: *mut crate::ffi::bindings::tcp_pcb, segment: &Segment) -> bool {
    crate::ffi::callbacks::hooks::inpacket(pcb, segment.option_area, &segment.incoming.data)
}

/// No connection: a listener, or nobody. Gives the new connection, whose SYN,ACK is to be sent.
#[inline(never)]
fn on_segment_in_closed(core: &mut Core, segment: &mut Segment) -> Option<PcbId> {
    let Some(listener) = find_listener(core, segment.ports.dst()) else {
        if !segment.has(Flags::RST) {
            // RFC 9293 3.10.7.1: CLOSED.
            tcp_stat!(proterr);
            tcp_stat!(drop);
            segment.news.refused = true;
        }
        return None;
    };
    #[cfg(hook_tcp_inpacket_pcb)]
    if !in_hook(listener.as_ptr().cast(), segment) {
        return None;
    }
    // RFC 9293 3.10.7.2: LISTEN.
    if segment.has(Flags::RST) {
        return None;
    }
    if segment.has(Flags::ACK) {
        segment.news.refused = true;
        return None;
    }
    if !segment.has(Flags::SYN) || cm::backlog::is_full(listener) {
        return None;
    }
    let (listener, prio) = (listener.as_ptr(), listener.prio());
    on_syn_in_listen(core, listener, prio, segment)
}

/// The listener for a port: one that is bound to the address before one for any.
fn find_listener(core: &Core, port: u16) -> Option<Listener<'_>> {
    let packet = Packet::current(core);
    let local = packet.dst();
    let mut best = None;
    core.find_listener_by(|listener| {
        let netif = listener.netif_idx();
        if listener.local_port() != port || (netif != 0 && netif != packet.netif_index()) {
            return false;
        }
        let address = listener.local_ip();
        let exact = !address.is_any_type() && address.same_version(local) && address.eq(local);
        let any = address.is_any_type() || (address.same_version(local) && address.is_any());
        if exact || any {
            best = Some(listener);
        }
        exact || (any && !cfg!(so_reuse))
    });
    if core.prefer_listener(best?) {
        tcp_stat!(cachehit);
    }
    best
}

/// The connection that the present packet would be of, from our point of view.
fn packet_tuple<'c>(packet: Packet<'c>, local_port: u16, remote_port: u16) -> Tuple<'c> {
    Tuple { local: packet.dst(), local_port, remote: packet.src(), remote_port }
}

/// A SYN for a listener that has room for it.
fn on_syn_in_listen(
    core: &mut Core,
    listener: *mut crate::ffi::bindings::tcp_pcb_listen,
    prio: u8,
    segment: &Segment,
) -> Option<PcbId> {
    let allocated = api::allocate(core, prio);
    // Making room for the PCB may have told other connections that they are gone, and with it closed this listener.
    let listener = core.find_listener(listener);
    let Some(id) = allocated else {
        tcp_stat!(memerr);
        let accept = api::accept_callback(listener?);
        core.call_accept_failed(accept);
        return None;
    };
    let Some(listener) = listener else {
        core.free(id);
        return None;
    };
    let pcb = core.get(id)?;
    passive_open(pcb, listener, segment);
    mib2_stat!(tcppassiveopens);
    #[cfg(lwip_tcp_pcb_ext_args)]
    let pcb = {
        let listener = listener.as_ptr();
        if Listener::passive_open(core, listener, id).is_err() {
            api::abandon(core, id, false);
        }
        core.get(id)?
    };
    if segmentation::enqueue_flags(pcb, Flags::SYN | Flags::ACK).is_err() {
        api::abandon(core, id, false);
    }
    Some(id)
}

/// Fills a new PCB from the SYN that asks for it: it is active.
#[cfg_attr(small, inline(never))]
fn passive_open(pcb: Pcb<'_>, listener: Listener<'_>, segment: &Segment) {
    let (seq, packet) = (segment.seq(), Packet::current(pcb.core()));
    cm::on_syn_in_listen(pcb, listener, packet.dst(), packet.src(), segment.ports.src());
    cm::backlog::add(pcb);
    let iss = api::initial_sequence_number(pcb);
    cm::on_sequence_numbers(pcb, iss, seq);
    rod::on_syn_in_listen(pcb, seq, iss);
    flow_control::on_syn_in_listen(pcb, iss);
    take_syn(pcb, segment);
    pcb.core().register(List::Active, pcb);
}

/// What the peer's SYN says of itself: options, window.
#[inline(never)]
fn take_syn(pcb: Pcb<'_>, segment: &Segment) {
    #[cfg(ecn)]
    cc::ecn::on_syn(pcb, segment.control.flags());
    let shift = cm::on_syn_options(pcb, &segment.options);
    #[cfg(lwip_wnd_scale)]
    if let Some(shift) = shift {
        flow_control::on_window_scale(pcb, shift);
    }
    let _ = shift;
    take_timestamp(pcb, segment);
    flow_control::on_syn(pcb, segment.seq(), segment.control.wnd());
    limit_mss(pcb);
}

fn take_timestamp(pcb: Pcb<'_>, segment: &Segment) {
    #[cfg(lwip_tcp_timestamps)]
    if let Some(timestamps) = segment.options.timestamps {
        let syn = segment.has(Flags::SYN);
        rod::on_timestamp(pcb, timestamps.value, segment.seq(), syn, pcb.core().ticks());
    }
    let _ = (pcb, segment);
}

fn limit_mss(pcb: Pcb<'_>) {
    if cfg!(tcp_calculate_eff_send_mss) {
        let netif = Netif::route(pcb.local_ip(), pcb.remote_ip());
        cm::limit_mss(pcb, effective_mss(pcb.mss(), netif, pcb.remote_ip()));
    }
}

/// RFC 9293 3.10.7.4 for TIME-WAIT. A new SYN may reopen the connection (RFC 9293 3.6.1, RFC 6191): then the old PCB goes,
/// and the segment is for a listener.
#[inline(never)]
fn on_segment_in_time_wait(core: &mut Core, id: PcbId, segment: &mut Segment) -> Option<PcbId> {
    let pcb = core.get(id)?;
    let seq = segment.seq();
    if segment.has(Flags::RST) {
        // RFC 1337: resets are ignored.
        return None;
    }
    if segment.has(Flags::SYN) && !segment.has(Flags::ACK) && is_new_incarnation(pcb, segment) {
        // Where nobody listens the connection stays, and the sender gets a reset.
        if find_listener(core, segment.ports.dst()).is_some() {
            api::abandon(core, id, false);
        }
        return on_segment_in_closed(core, segment);
    }
    if segment.has(Flags::FIN) && seq + segment.seq_len == pcb.rcv_nxt() {
        cm::restart_timer(pcb, core.ticks());
    }
    if segment.has(Flags::SYN) {
        challenge(pcb, segment);
    } else {
        segment.news.ack_at_once = segment.seq_len > 0;
    }
    Some(id)
}

/// A SYN that cannot be an old duplicate: it lies behind all that was received, or its timestamp does (RFC 6191 2).
fn is_new_incarnation(pcb: Pcb<'_>, segment: &Segment) -> bool {
    #[cfg(lwip_tcp_timestamps)]
    if let (Some(timestamps), true) = (segment.options.timestamps, pcb.has(Bit::TIMESTAMPS)) {
        return (timestamps.value.wrapping_sub(pcb.ts_recent()) as i32) > 0 || segment.seq().ge(pcb.rcv_nxt());
    }
    segment.seq().ge(pcb.rcv_nxt())
}

/// The application gets the data that it refused once more; until it takes them, no more are taken from the peer.
fn offer_refused_data(core: &mut Core, id: PcbId, segment: &Segment) -> bool {
    api::process_refused_data(core, id).ok();
    let Some(pcb) = core.get(id) else { return false };
    if !pcb.has_refused_data() || segment.seq_len == 0 {
        return true;
    }
    // A zero-window probe gets its answer all the same.
    if pcb.rcv_ann_wnd() == 0 {
        send_empty_ack(core, id).ok();
    }
    false
}

/// What a segment comes to in SYN-SENT.
enum InSynSent {
    /// Nothing, or a simultaneous open.
    Dropped,
    /// It resets the connection.
    Reset,
    /// It is of another connection: its sender gets a reset, and our SYN at once.
    Refused,
    /// The connection is established.
    Connected,
}

/// RFC 9293 3.10.7.3: SYN-SENT.
#[inline(never)]
fn on_segment_in_syn_sent(pcb: Pcb<'_>, segment: &mut Segment) -> InSynSent {
    let (seq, ack) = (segment.seq(), segment.ack);
    if segment.has(Flags::RST) {
        return if ack == pcb.snd_nxt() { InSynSent::Reset } else { InSynSent::Dropped };
    }
    if segment.has(Flags::ACK) && ack != pcb.lastack() + 1 {
        // An old connection's segment: reset that, and try again at once, a bounded number of times.
        segment.news.refused = true;
        if u32::from(pcb.nrtx()) >= crate::ffi::config::TCP_SYNMAXRTX {
            return InSynSent::Dropped;
        }
        rod::restart_timer(pcb);
        return InSynSent::Refused;
    }
    if !segment.has(Flags::SYN) {
        return InSynSent::Dropped;
    }
    cm::on_heard(pcb, pcb.core().ticks());
    cm::on_sequence_numbers(pcb, pcb.iss(), seq);
    rod::on_syn_in_syn_sent(pcb, seq, segment.has(Flags::ACK).then_some(ack));
    #[cfg(fine_timers)]
    if segment.has(Flags::ACK) {
        // The handshake is a round trip that no delayed ACK lengthens.
        rod::on_ack_for_timing(pcb, ack, pcb.core().clock());
    }
    take_syn(pcb, segment);
    if !segment.has(Flags::ACK) {
        // Simultaneous open (RFC 9293 3.5, figure 7): our SYN goes out again, with an ACK of theirs.
        cm::enter(pcb, State::SynRcvd);
        rod::retransmit_first(pcb).ok();
        return InSynSent::Dropped;
    }
    cm::enter(pcb, State::Established);
    cc::on_established(pcb);
    InSynSent::Connected
}

/// RFC 9293 3.10.7.3 for SYN-SENT, and 3.10.7.4 for all states from SYN-RECEIVED on, but TIME-WAIT.
#[cfg_attr(small, inline(never))]
fn process(core: &mut Core, id: PcbId, segment: &mut Segment) -> Option<PcbId> {
    let pcb = core.get(id)?;
    if pcb.state() == State::SynSent {
        match on_segment_in_syn_sent(pcb, segment) {
            InSynSent::Dropped => {}
            InSynSent::Reset => on_reset(core, id),
            InSynSent::Refused => api::retransmit_after_timeout(core, id),
            InSynSent::Connected => on_connected(core, id),
        }
        return Some(id);
    }
    match check_sequence(pcb, segment) {
        Verdict::Valid => {}
        Verdict::Drop => return Some(id),
        Verdict::Challenge => {
            challenge(pcb, segment);
            return Some(id);
        }
        Verdict::Reset => {
            on_reset(core, id);
            return Some(id);
        }
    }
    cm::on_heard(pcb, core.ticks());
    flow_control::on_heard(pcb);
    take_timestamp(pcb, segment);
    #[cfg(ecn)]
    cc::ecn::on_segment(pcb, segment.control.flags(), Packet::current(core).tos(), segment.seq_len > 0);
    let establishes = pcb.state() == State::SynRcvd;
    let pcb = if establishes {
        if !on_ack_in_syn_rcvd(pcb, segment) {
            return Some(id);
        }
        let active = pcb.active_open() != 0;
        on_opened(core, id, active);
        let Some(pcb) = core.get(id) else { return Some(id) };
        pcb
    } else {
        pcb
    };
    on_valid_segment(pcb, segment, establishes);
    Some(id)
}

/// The application hears that the peer has taken its SYN, then the peer that its own was taken.
fn on_connected(core: &mut Core, id: PcbId) {
    core.call_connected(id).ok();
    if let Some(pcb) = core.get(id) {
        rod::ack_now(pcb);
    }
}

/// RFC 9293 3.10.7.4, from the fifth step on; `establishes`: it is the first of the connection.
fn on_valid_segment(pcb: Pcb<'_>, segment: &mut Segment, establishes: bool) {
    // RFC 9293 drops what has no ACK; lwIP's unit tests want its data.
    if segment.has(Flags::ACK) {
        if !is_ack_acceptable(pcb, segment.ack) {
            return challenge(pcb, segment);
        }
        on_ack(pcb, segment);
    }
    if establishes {
        cc::on_established(pcb);
    }
    on_data(pcb, segment);
}

/// What the checks of a segment come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is processed further.
    Valid,
    /// It is dropped; an ACK that is due goes out.
    Drop,
    /// It is dropped, and answered by a challenge ACK (RFC 5961).
    Challenge,
    /// It resets the connection.
    Reset,
}

/// RFC 9293 3.10.7.4, first to fourth step: sequence number, RST, SYN; and before all PAWS (RFC 7323 5.3).
fn check_sequence(pcb: Pcb<'_>, segment: &Segment) -> Verdict {
    let (seq, next) = (segment.seq(), pcb.rcv_nxt());
    if segment.has(Flags::RST) {
        // RFC 5961 3.2: what counts of a reset is where it starts, and only the exact number resets.
        return match seq {
            seq if seq == next => Verdict::Reset,
            seq if seq.within(next, pcb.rcv_wnd().into()) => Verdict::Challenge,
            _ => Verdict::Drop,
        };
    }
    let syn = segment.has(Flags::SYN);
    if syn && pcb.state() == State::SynRcvd && seq + 1 == next {
        if segment.has(Flags::ACK) && pcb.active_open() != 0 {
            // Simultaneous open: the peer's SYN,ACK acknowledges our SYN.
            return Verdict::Valid;
        }
        // The peer has not got our SYN,ACK.
        rod::retransmit_first(pcb).ok();
        return Verdict::Drop;
    }
    if is_old_duplicate(pcb, segment) || !is_acceptable(pcb, seq, segment.seq_len) {
        rod::ack_now(pcb);
        report_old_data(pcb, seq, segment.seq_len);
        return Verdict::Drop;
    }
    // RFC 5961 4.2.
    if syn { Verdict::Challenge } else { Verdict::Valid }
}

/// RFC 2883 4.1: data that are acknowledged came again.
fn report_old_data(pcb: Pcb<'_>, seq: SeqNum, seq_len: u32) {
    #[cfg(sack_recovery)]
    if (seq + seq_len).le(pcb.rcv_nxt()) {
        rod::report_duplicate(pcb, seq, seq + seq_len);
    }
    let _ = (pcb, seq, seq_len);
}

fn is_old_duplicate(pcb: Pcb<'_>, segment: &Segment) -> bool {
    #[cfg(lwip_tcp_timestamps)]
    if let Some(timestamps) = segment.options.timestamps {
        return rod::is_old_duplicate(pcb, timestamps.value, pcb.core().ticks());
    }
    let _ = (pcb, segment);
    false
}

/// RFC 9293 3.4, the table of acceptance tests: some of the segment lies in the receive window. With a closed window a
/// segment at RCV.NXT is let through for its ACK; its data are cut off (3.10.7.4, "special allowance").
fn is_acceptable(pcb: Pcb<'_>, seq: SeqNum, seq_len: u32) -> bool {
    let (next, window) = (pcb.rcv_nxt(), u32::from(pcb.rcv_wnd()));
    // It starts at RCV.NXT or in the window behind it, or it covers RCV.NXT.
    seq == next || seq.within(next, window) || next.within(seq, seq_len)
}

/// A challenge ACK (RFC 5961), if the connection may send one more this second.
#[cold]
#[inline(never)]
fn challenge(pcb: Pcb<'_>, segment: &mut Segment) {
    if cm::may_challenge(pcb, pcb.core().ticks()) {
        debug(Event::ChallengeAck, pcb.local_port().into(), pcb.rcv_nxt().raw());
        segment.news.ack_at_once = true;
    }
}

/// RFC 9293 3.10.7.4, fifth step, SYN-RECEIVED: the acknowledgment of our SYN establishes the connection. Says whether it does.
fn on_ack_in_syn_rcvd(pcb: Pcb<'_>, segment: &mut Segment) -> bool {
    if !segment.has(Flags::ACK) {
        return false;
    }
    if !segment.ack.within(pcb.lastack() + 1, pcb.snd_nxt() - pcb.lastack()) {
        segment.news.refused = true;
        return false;
    }
    cm::enter(pcb, State::Established);
    cm::backlog::remove(pcb);
    true
}

/// The application hears of a connection that both sides have opened at once, or the peer. If it does not want it, or nobody is
/// there to accept it any more, the connection is gone.
fn on_opened(core: &mut Core, id: PcbId, active: bool) {
    let answer = if active { core.call_connected(id) } else { core.call_accept(id) };
    if answer.is_err() {
        // Without effect if the application has aborted it.
        api::abandon(core, id, true);
    }
}

/// RFC 5961 5.2: it acknowledges not more than was sent, and is not older than the largest window.
fn is_ack_acceptable(pcb: Pcb<'_>, ack: SeqNum) -> bool {
    let oldest = pcb.lastack() - u32::from(pcb.snd_wnd_max());
    ack.within(oldest, (pcb.snd_nxt() - oldest).wrapping_add(1))
}

/// RFC 9293 3.10.7.4, fifth step: the acknowledgment field.
#[cfg_attr(small, inline(never))]
fn on_ack(pcb: Pcb<'_>, segment: &mut Segment) {
    let (seq, ack, wnd) = (segment.seq(), segment.ack, segment.control.wnd());
    #[cfg(ecn)]
    cc::ecn::on_ack(pcb, segment.control.flags(), ack);
    let same_edge = flow_control::on_window_announced(pcb, seq, ack, flow_control::scaled(pcb, wnd));
    #[cfg(sack_recovery)]
    let with_sacks = rod::uses_sack(pcb);
    #[cfg(not(sack_recovery))]
    let with_sacks = false;
    if with_sacks {
        #[cfg(sack_recovery)]
        on_ack_with_sacks(pcb, segment);
    } else if ack.gt(pcb.lastack()) {
        on_new_ack(pcb, segment);
    } else if ack == pcb.lastack() && segment.seq_len == 0 && same_edge && pcb.rtime() >= 0 {
        on_duplicate_ack(pcb);
    }
    rod::on_ack_for_timing(pcb, ack, pcb.core().clock());
    // Everything that we have sent is acknowledged, a FIN included if there was one.
    if ack == pcb.snd_nxt() && pcb.unsent_is_empty() && pcb.has(Bit::FIN) {
        enter(pcb, cm::state_after_fin_acked(pcb.state()));
    }
}

/// SND.UNA moves.
#[cfg_attr(small, inline(never))]
fn on_new_ack(pcb: Pcb<'_>, segment: &mut Segment) {
    let new = rod::on_new_ack(pcb, segment.ack);
    if new.recovery == Recovery::Partial {
        cc::on_partial_ack(pcb, new.acked);
        rod::retransmit_first(pcb).ok();
    } else {
        if new.recovery == Recovery::Over {
            cc::on_recovered(pcb);
        }
        cc::on_ack(pcb, new.acked, new.after_timeout);
    }
    flow_control::on_send_buffer_freed(pcb, new.freed);
    on_progress(pcb, &new);
    segment.news.acked = new.freed;
    #[cfg(lwip_nd6_tcp_reachability_hints)]
    Packet::current(pcb.core()).confirm_reachability();
}

/// The peer gets our data.
fn on_progress(pcb: Pcb<'_>, new: &rod::NewAck) {
    cm::on_progress(pcb);
    #[cfg(path_mtu)]
    cm::pmtu::on_ack(pcb, new.largest.saturating_add(crate::output::OptionSet::of_connection(pcb).len(Some(pcb))));
    let _ = new;
}

/// An ACK of a connection with SACK, whether SND.UNA moves or not.
#[cfg(sack_recovery)]
fn on_ack_with_sacks(pcb: Pcb<'_>, segment: &mut Segment) {
    #[cfg(lwip_tcp_timestamps)]
    let echo = segment.options.timestamps.map(|timestamps| timestamps.echo);
    #[cfg(not(lwip_tcp_timestamps))]
    let echo = None;
    if let Some(freed) = take_ack_with_sacks(pcb, segment.ack, &segment.options.sacks, echo) {
        segment.news.acked = freed;
        #[cfg(lwip_nd6_tcp_reachability_hints)]
        Packet::current(pcb.core()).confirm_reachability();
    }
}

/// The same by its fields; says how many octets of the send buffer it frees, if SND.UNA moves.
#[cfg(sack_recovery)]
pub(crate) fn take_ack_with_sacks(
    pcb: Pcb<'_>,
    ack: SeqNum,
    sacks: &[(SeqNum, SeqNum); crate::wire::MAX_SACKS],
    echo: Option<u32>,
) -> Option<crate::ffi::Wnd> {
    let in_flight = pcb.pipe();
    let received = rod::on_ack(pcb, ack, sacks, echo);
    if let Some(new) = received.new {
        flow_control::on_send_buffer_freed(pcb, new.freed);
        on_progress(pcb, &new);
        match new.recovery {
            Recovery::Over => cc::on_recovered(pcb),
            Recovery::None if received.change == rod::Change::None => cc::on_ack(pcb, new.acked, new.after_timeout),
            Recovery::None | Recovery::Partial => {}
        }
    }
    crate::timer::on_change(pcb, received.change);
    tell_controller(pcb, &received, in_flight);
    rod::set_quota(pcb, &received);
    received.new.map(|new| new.freed)
}

/// What an ACK has brought, for congestion control; `prior_in_flight`: octets that were in the network before.
#[cfg(sack_recovery)]
pub(crate) fn tell_controller(pcb: Pcb<'_>, received: &rod::AckNews, prior_in_flight: u32) {
    #[cfg(rack)]
    let rate = received.rate.map(|rate| cc::RateSample {
        delivered: rate.delivered,
        interval: rate.ms.into(),
        prior_delivered: rate.prior_delivered,
    });
    #[cfg(not(rack))]
    let rate = None;
    cc::on_sample(
        pcb,
        &cc::Sample {
            now: pcb.core().clock(),
            newly_delivered: received.delivered,
            newly_lost: received.lost,
            prior_in_flight,
            in_flight: pcb.pipe(),
            delivered: pcb.delivered(),
            rate,
        },
    );
}

/// RFC 5681 2 and 3.2: the third in a row starts fast retransmit, each further one inflates cwnd.
#[cold]
#[inline(never)]
fn on_duplicate_ack(pcb: Pcb<'_>) {
    const THRESHOLD: u8 = 3;
    let count = rod::on_duplicate_ack(pcb);
    if count > THRESHOLD && rod::is_in_recovery(pcb) {
        cc::on_duplicate_ack(pcb);
    }
    if count >= THRESHOLD {
        api::fast_retransmit(pcb);
    }
}

/// Changes the state as an acknowledgment or a FIN has it.
fn enter(pcb: Pcb<'_>, state: State) {
    if state == pcb.state() {
        return;
    }
    match state {
        State::Closed => pcb.core().set_input_closed(true),
        State::TimeWait => {
            let core = pcb.core();
            rod::purge_queues(pcb);
            core.unregister(List::Active, pcb);
            cm::enter(pcb, State::TimeWait);
            cm::restart_timer(pcb, core.ticks());
            core.register(List::TimeWait, pcb);
        }
        state => cm::enter(pcb, state),
    }
}

/// RFC 9293 3.10.7.4, sixth to eighth step: data and FIN.
#[cfg_attr(small, inline(never))]
fn on_data(pcb: Pcb<'_>, segment: &mut Segment) {
    if segment.seq_len == 0 || segment.has(Flags::SYN) || pcb.state() >= State::CloseWait {
        return;
    }
    let Some(received) = rod::receive(pcb, &mut segment.incoming) else {
        segment.news.ack_at_once = true;
        return;
    };
    flow_control::on_received(pcb, received.seq_len);
    #[cfg(lwip_nd6_tcp_reachability_hints)]
    Packet::current(pcb.core()).confirm_reachability();
    segment.news.ack_at_once = received.ack_at_once;
    segment.news.data = received.has_data;
    segment.news.fin = segment.incoming.fin;
    if segment.incoming.fin {
        enter(pcb, cm::state_after_fin(pcb.state()));
    }
}

/// The peer has reset the connection. The PCB is freed before the application is told, as the err callback's
/// documentation says.
fn on_reset(core: &mut Core, id: PcbId) {
    api::finish(core, id, false, Some(Error::RST));
}
