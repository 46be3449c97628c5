//! One segment's way in: validate, demultiplex, state machine, components, callbacks (RFC 9293 3.10.7).

#![forbid(unsafe_code)]

mod news;

use self::news::News;
use crate::api;
use crate::components::rod::{AckWish, Incoming, Recovery};
use crate::components::{congestion_control as cc, connection_management as cm, flow_control, rod};
use crate::ffi::Error;
use crate::ffi::callbacks::AcceptCallback;
use crate::ffi::diagnostics::{Event, debug, mib2_stat, tcp_stat};
use crate::ffi::ip::{Netif, Packet};
use crate::ffi::pbuf::{Arrival, Pbuf};
use crate::output::{effective_mss, send_empty_ack};
use crate::pcb::{Bit, Core, List, Listener, Pcb, PcbId, State, Tuple};
use crate::segmentation;
use crate::wire::{Flags, HEADER_LEN, Header, Options, SeqNum};

/// The segment being processed: the SEG.x variables of RFC 9293 3.3.1.
struct Segment {
    header: Header,
    /// SEG.LEN: data, SYN and FIN.
    seq_len: u32,
    options: Options,
    /// Its data; none once they are with reassembly.
    data: Option<Arrival>,
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
    let mut news = News::default();
    let id = process(core, p, netif, &mut news);
    news.act(core, id);
}

/// Checks a segment, finds whom it is for, and processes it. Gives the connection that has [`News`], or something to send.
#[cfg_attr(small, inline(never))]
fn process(core: &mut Core, p: Pbuf, netif: Option<Netif>, news: &mut News) -> Option<PcbId> {
    tcp_stat!(recv);
    mib2_stat!(tcpinsegs);
    match check(core, p, netif) {
        Ok((header, p)) => {
            let mut segment = Segment::new(header, p);
            segment.read_options();
            segment.strip_header();
            let id = on_segment(core, &mut segment, news);
            if news.unclaimed { on_segment_in_closed(core, &segment, news) } else { id }
        }
        Err(reason) => {
            discard(reason);
            None
        }
    }
}

impl Segment {
    /// A packet that begins with this header.
    #[cfg_attr(not(hook_tcp_inpacket_pcb), allow(unused_mut))]
    fn new(header: Header, mut p: Arrival) -> Self {
        // What is left of a packet, whose length is a 16-bit number, and of a header.
        let data = p.tot_len().saturating_sub(header.len);
        Self {
            header,
            seq_len: u32::from(data) + u32::from(header.flags.has(Flags::SYN | Flags::FIN)),
            options: Options::default(),
            #[cfg(hook_tcp_inpacket_pcb)]
            option_area: option_area(&mut p, header),
            data: Some(p),
        }
    }

    /// Options lie in the first pbuf as a rule; where they do not, they are copied together.
    fn read_options(&mut self) {
        if self.header.len == HEADER_LEN {
            return;
        }
        if let Some(p) = &self.data {
            match p.first().get(usize::from(HEADER_LEN)..usize::from(self.header.len)) {
                Some(area) => self.options.read(area),
                None => read_scattered_options(p, self.header.len, &mut self.options),
            }
        }
    }

    /// The data are left.
    fn strip_header(&mut self) {
        if let Some(p) = &mut self.data {
            p.trim_front(self.header.len);
            if self.header.flags.has(Flags::PSH) {
                p.mark_push();
            }
        }
    }

    fn has(&self, flags: Flags) -> bool {
        self.header.flags.has(flags)
    }
}

#[cold]
#[inline(never)]
fn read_scattered_options(p: &Pbuf, header_len: u16, options: &mut Options) {
    p.with_copy(HEADER_LEN, header_len.saturating_sub(HEADER_LEN), |area| options.read(area));
}

/// Where the options are, as LWIP_HOOK_TCP_INPACKET_PCB wants to know it; the header is left in host byte order.
#[cfg(hook_tcp_inpacket_pcb)]
fn option_area(p: &mut Arrival, header: Header) -> crate::ffi::callbacks::hooks::OptionArea {
    let len = header.len - HEADER_LEN;
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

/// RFC 9293 3.1: checks lengths and checksum.
fn check(core: &Core, p: Pbuf, netif: Option<Netif>) -> Result<(Header, Arrival), Malformed> {
    let p = Arrival::new(p).ok_or(Malformed::Length)?;
    let packet = Packet::current(core);
    if packet.is_to_many() {
        return Err(Malformed::Destination);
    }
    if !packet.checksum_ok(&p, netif) {
        return Err(Malformed::Checksum);
    }
    let header = p.header();
    if header.len < HEADER_LEN || header.len > p.tot_len() {
        return Err(Malformed::Length);
    }
    Ok((header, p))
}

/// Finds the connection that a segment is of, and has it processed.
#[cfg_attr(small, inline(never))]
fn on_segment(core: &mut Core, segment: &mut Segment, news: &mut News) -> Option<PcbId> {
    core.set_input_closed(false);
    let packet = Packet::current(core);
    let tuple = packet_tuple(packet, segment.header.dst, segment.header.src);
    let Some(pcb) = core.lookup(&tuple, || packet.netif_index()) else {
        news.unclaimed = true;
        return None;
    };
    let id = pcb.id();
    #[cfg(hook_tcp_inpacket_pcb)]
    if !in_hook(pcb.as_ptr(), segment) {
        return None;
    }
    if pcb.state() == State::TimeWait {
        return on_segment_in_time_wait(core, id, segment, news);
    }
    cm::on_segment(pcb);
    if pcb.has_refused_data() && !offer_refused_data(core, id, segment) {
        drop_counted();
        return None;
    }
    core.set_input_pcb(id.as_ptr());
    #[cfg(sack_recovery)]
    core.set_duplicate(None);
    if core.get(id)?.state() == State::SynSent {
        on_segment_in_syn_sent(core, id, segment, news);
    } else {
        on_segment_in_synchronized(core, id, segment, news);
    }
    Some(id)
}

/// LWIP_HOOK_TCP_INPACKET_PCB: whether the segment is to be processed.
#[cfg(hook_tcp_inpacket_pcb)]
fn in_hook(pcb: *mut crate::ffi::bindings::tcp_pcb, segment: &Segment) -> bool {
    crate::ffi::callbacks::hooks::inpacket(pcb, segment.option_area, segment.data.as_ref())
}

/// No connection: a listener, or nobody. Gives the new connection, whose SYN,ACK is to be sent.
#[inline(never)]
fn on_segment_in_closed(core: &mut Core, segment: &Segment, news: &mut News) -> Option<PcbId> {
    let Some(listener) = find_listener(core, segment.header.dst) else {
        if !segment.has(Flags::RST) {
            // RFC 9293 3.10.7.1: CLOSED.
            tcp_stat!(proterr);
            tcp_stat!(drop);
            news.refuse(segment);
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
        news.refuse(segment);
        return None;
    }
    if !segment.has(Flags::SYN) || cm::backlog::is_full(listener) {
        return None;
    }
    let (listener, prio, accept) = (listener.as_ptr(), listener.prio(), api::accept_callback(listener));
    on_syn_in_listen(core, listener, prio, accept, segment)
}

/// The listener for a port: one that is bound to the address before one for any.
fn find_listener(core: &Core, port: u16) -> Option<Listener<'_>> {
    let packet = Packet::current(core);
    let (local, netif_index) = (packet.dst(), packet.netif_index());
    let mut best = None;
    core.find_listener_by(|listener| {
        let on_netif = listener.netif_idx() == 0 || listener.netif_idx() == netif_index;
        if listener.local_port() != port || !on_netif {
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
    accept: AcceptCallback,
    segment: &Segment,
) -> Option<PcbId> {
    let Some(id) = api::allocate(core, prio) else {
        tcp_stat!(memerr);
        core.call_accept_failed(accept);
        return None;
    };
    // Making room for the PCB may have told other connections that they are gone, and with it closed this listener.
    let (Some(pcb), Some(listener)) = (core.get(id), core.find_listener(listener)) else {
        core.free(id);
        return None;
    };
    passive_open(pcb, listener, segment);
    core.register(List::Active, pcb);
    mib2_stat!(tcppassiveopens);
    #[cfg(lwip_tcp_pcb_ext_args)]
    {
        let listener = listener.as_ptr();
        if Listener::passive_open(core, listener, id).is_err() {
            api::abandon(core, id, false);
        }
    }
    if segmentation::enqueue_flags(core.get(id)?, Flags::SYN | Flags::ACK).is_err() {
        api::abandon(core, id, false);
    }
    Some(id)
}

/// Fills a new PCB from the SYN that asks for it.
fn passive_open(pcb: Pcb<'_>, listener: Listener<'_>, segment: &Segment) {
    let (seq, packet) = (segment.header.seq, Packet::current(pcb.core()));
    cm::on_syn_in_listen(pcb, listener, packet.dst(), packet.src(), segment.header.src);
    cm::backlog::add(pcb);
    let iss = api::initial_sequence_number(pcb);
    cm::on_sequence_numbers(pcb, iss, seq);
    rod::on_syn_in_listen(pcb, seq, iss);
    flow_control::on_syn_in_listen(pcb, iss);
    take_syn(pcb, segment);
}

/// What the peer's SYN says of itself: options, window.
#[inline(never)]
fn take_syn(pcb: Pcb<'_>, segment: &Segment) {
    #[cfg(ecn)]
    cc::ecn::on_syn(pcb, segment.header.flags);
    let shift = cm::on_syn_options(pcb, &segment.options);
    #[cfg(lwip_wnd_scale)]
    if let Some(shift) = shift {
        flow_control::on_window_scale(pcb, shift);
    }
    let _ = shift;
    take_timestamp(pcb, segment);
    flow_control::on_syn(pcb, segment.header.seq, segment.header.wnd);
    limit_mss(pcb);
}

fn take_timestamp(pcb: Pcb<'_>, segment: &Segment) {
    #[cfg(lwip_tcp_timestamps)]
    if let Some(timestamps) = segment.options.timestamps {
        let syn = segment.has(Flags::SYN);
        rod::on_timestamp(pcb, timestamps.value, segment.header.seq, syn, pcb.core().ticks());
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
fn on_segment_in_time_wait(core: &mut Core, id: PcbId, segment: &Segment, news: &mut News) -> Option<PcbId> {
    let pcb = core.get(id)?;
    let seq = segment.header.seq;
    if segment.has(Flags::RST) {
        // RFC 1337: resets are ignored.
        return None;
    }
    if segment.has(Flags::SYN) && !segment.has(Flags::ACK) && is_new_incarnation(pcb, segment) {
        if find_listener(core, segment.header.dst).is_some() {
            api::abandon(core, id, false);
            news.unclaimed = true;
            return None;
        }
        news.refuse(segment);
        return None;
    }
    if segment.has(Flags::FIN) && seq + segment.seq_len == pcb.rcv_nxt() {
        cm::restart_timer(pcb, core.ticks());
    }
    if segment.has(Flags::SYN) {
        challenge(pcb, news);
    } else {
        news.ack_at_once = segment.seq_len > 0;
    }
    Some(id)
}

/// A SYN that cannot be an old duplicate: it lies behind all that was received, or its timestamp does (RFC 6191 2).
fn is_new_incarnation(pcb: Pcb<'_>, segment: &Segment) -> bool {
    #[cfg(lwip_tcp_timestamps)]
    if let (Some(timestamps), true) = (segment.options.timestamps, pcb.has(Bit::TIMESTAMPS)) {
        return (timestamps.value.wrapping_sub(pcb.ts_recent()) as i32) > 0 || segment.header.seq.ge(pcb.rcv_nxt());
    }
    segment.header.seq.ge(pcb.rcv_nxt())
}

/// The application gets the data that it refused once more; until it takes them, no more are taken from the peer.
fn offer_refused_data(core: &mut Core, id: PcbId, segment: &Segment) -> bool {
    let offered = api::process_refused_data(core, id);
    let Some(pcb) = core.get(id) else { return false };
    if offered != Err(Error::ABRT) && (!pcb.has_refused_data() || segment.seq_len == 0) {
        return true;
    }
    // A zero-window probe gets its answer all the same.
    if pcb.rcv_ann_wnd() == 0 {
        send_empty_ack(core, id).ok();
    }
    false
}

/// RFC 9293 3.10.7.3: SYN-SENT.
#[inline(never)]
fn on_segment_in_syn_sent(core: &mut Core, id: PcbId, segment: &Segment, news: &mut News) {
    let Some(pcb) = core.get(id) else { return };
    let Header { seq, ack, .. } = segment.header;
    if segment.has(Flags::RST) {
        if ack == pcb.snd_nxt() {
            on_reset(core, id);
        }
        return;
    }
    if segment.has(Flags::ACK) && ack != pcb.lastack() + 1 {
        // An old connection's segment: reset that, and try again at once.
        news.refuse(segment);
        return retry_syn(core, id);
    }
    if !segment.has(Flags::SYN) {
        return;
    }
    cm::on_heard(pcb, core.ticks());
    cm::on_sequence_numbers(pcb, pcb.iss(), seq);
    rod::on_syn_in_syn_sent(pcb, seq, segment.has(Flags::ACK).then_some(ack));
    #[cfg(fine_timers)]
    if segment.has(Flags::ACK) {
        // The handshake is a round trip that no delayed ACK lengthens.
        rod::on_ack_for_timing(pcb, ack, core.clock());
    }
    take_syn(pcb, segment);
    if !segment.has(Flags::ACK) {
        // Simultaneous open (RFC 9293 3.5, figure 7): our SYN goes out again, with an ACK of theirs.
        cm::enter(pcb, State::SynRcvd);
        rod::retransmit_first(pcb);
        return;
    }
    cm::enter(pcb, State::Established);
    cc::on_established(pcb);
    if core.call_connected(id) == Err(Error::ABRT) {
        return;
    }
    if let Some(pcb) = core.get(id) {
        rod::ack_now(pcb);
    }
}

/// Sends the SYN again without waiting for the timer, a bounded number of times.
fn retry_syn(core: &mut Core, id: PcbId) {
    if let Some(pcb) = core.get(id).filter(|pcb| u32::from(pcb.nrtx()) < crate::ffi::config::TCP_SYNMAXRTX) {
        rod::restart_timer(pcb);
        api::retransmit_after_timeout(core, id);
    }
}

/// RFC 9293 3.10.7.4: all states from SYN-RECEIVED on, but TIME-WAIT.
fn on_segment_in_synchronized(core: &mut Core, id: PcbId, segment: &mut Segment, news: &mut News) {
    let Some(pcb) = core.get(id) else { return };
    match check_sequence(pcb, segment) {
        Verdict::Valid => {}
        Verdict::Drop => return,
        Verdict::Challenge => return challenge(pcb, news),
        Verdict::Reset => return on_reset(core, id),
    }
    cm::on_heard(pcb, core.ticks());
    flow_control::on_heard(pcb);
    take_timestamp(pcb, segment);
    #[cfg(ecn)]
    cc::ecn::on_segment(pcb, segment.header.flags, Packet::current(core).tos(), segment.seq_len > 0);
    let establishes = pcb.state() == State::SynRcvd;
    let pcb = if establishes {
        on_ack_in_syn_rcvd(core, id, segment, news);
        let Some(pcb) = core.get(id).filter(|pcb| pcb.state() != State::SynRcvd) else { return };
        pcb
    } else {
        pcb
    };
    // RFC 9293 drops what has no ACK; lwIP's unit tests want its data.
    if segment.has(Flags::ACK) {
        if !is_ack_acceptable(pcb, segment.header.ack) {
            return challenge(pcb, news);
        }
        on_ack(pcb, segment, news);
    }
    if establishes {
        cc::on_established(pcb);
    }
    on_data(pcb, segment, news);
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
    let Header { seq, .. } = segment.header;
    let (reset, syn) = (segment.has(Flags::RST), segment.has(Flags::SYN));
    if pcb.state() == State::SynRcvd && syn && !reset && seq + 1 == pcb.rcv_nxt() {
        if segment.has(Flags::ACK) && pcb.active_open() != 0 {
            // Simultaneous open: the peer's SYN,ACK acknowledges our SYN.
            return Verdict::Valid;
        }
        // The peer has not got our SYN,ACK.
        rod::retransmit_first(pcb);
        return Verdict::Drop;
    }
    // RFC 5961 3.2: what counts of a reset is where it starts.
    let seq_len = if reset { 0 } else { segment.seq_len };
    if is_old_duplicate(pcb, segment) || !is_acceptable(pcb, seq, seq_len) {
        if !reset {
            rod::ack_now(pcb);
            report_old_data(pcb, seq, seq_len);
        }
        return Verdict::Drop;
    }
    if reset && seq == pcb.rcv_nxt() {
        // RFC 5961 3.2: only the exact number resets.
        rod::forget_delayed_ack(pcb);
        return Verdict::Reset;
    }
    // RFC 5961 3.2 and 4.2.
    if reset || syn { Verdict::Challenge } else { Verdict::Valid }
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
    if let (Some(timestamps), false) = (segment.options.timestamps, segment.has(Flags::RST)) {
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
fn challenge(pcb: Pcb<'_>, news: &mut News) {
    if cm::may_challenge(pcb, pcb.core().ticks()) {
        debug(Event::ChallengeAck, pcb.local_port().into(), pcb.rcv_nxt().raw());
        news.ack_at_once = true;
    }
}

/// RFC 9293 3.10.7.4, fifth step, SYN-RECEIVED: the acknowledgment of our SYN establishes the connection.
#[inline(never)]
fn on_ack_in_syn_rcvd(core: &mut Core, id: PcbId, segment: &Segment, news: &mut News) {
    let Some(pcb) = core.get(id) else { return };
    if !segment.has(Flags::ACK) {
        return;
    }
    if !segment.header.ack.within(pcb.lastack() + 1, pcb.snd_nxt() - pcb.lastack()) {
        news.refuse(segment);
        return;
    }
    cm::enter(pcb, State::Established);
    let answer = if pcb.active_open() != 0 {
        core.call_connected(id)
    } else if api::has_listener(pcb) {
        cm::backlog::remove(pcb);
        core.call_accept(id)
    } else {
        // Nobody is there to accept it any more.
        Err(Error::VAL)
    };
    if answer.is_err_and(|error| error != Error::ABRT) {
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
fn on_ack(pcb: Pcb<'_>, segment: &Segment, news: &mut News) {
    let Header { seq, ack, wnd, .. } = segment.header;
    #[cfg(ecn)]
    cc::ecn::on_ack(pcb, segment.header.flags, ack);
    let same_edge = flow_control::on_window_announced(pcb, seq, ack, flow_control::scaled(pcb, wnd));
    #[cfg(sack_recovery)]
    let with_sacks = rod::uses_sack(pcb);
    #[cfg(not(sack_recovery))]
    let with_sacks = false;
    if with_sacks {
        #[cfg(sack_recovery)]
        on_ack_with_sacks(pcb, segment, news);
    } else if ack.gt(pcb.lastack()) {
        on_new_ack(pcb, ack, news);
    } else if ack == pcb.lastack() && segment.seq_len == 0 && same_edge && pcb.rtime() >= 0 {
        on_duplicate_ack(pcb);
    }
    rod::on_ack_for_timing(pcb, ack, pcb.core().clock());
    // Everything that we have sent is acknowledged, a FIN included if there was one.
    if ack == pcb.snd_nxt() && pcb.unsent_is_empty() && pcb.has(Bit::FIN) {
        enter(pcb, cm::state_after_fin_acked(pcb.state()), news);
    }
}

/// SND.UNA moves.
#[cfg_attr(small, inline(never))]
fn on_new_ack(pcb: Pcb<'_>, ack: SeqNum, news: &mut News) {
    let new = rod::on_new_ack(pcb, ack);
    if new.recovery == Recovery::Partial {
        cc::on_partial_ack(pcb, new.acked);
        rod::retransmit_first(pcb);
    } else {
        if new.recovery == Recovery::Over {
            cc::on_recovered(pcb);
        }
        cc::on_ack(pcb, new.acked, new.after_timeout);
    }
    flow_control::on_send_buffer_freed(pcb, new.freed);
    on_progress(pcb, &new);
    news.acked = new.freed;
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
fn on_ack_with_sacks(pcb: Pcb<'_>, segment: &Segment, news: &mut News) {
    #[cfg(lwip_tcp_timestamps)]
    let echo = segment.options.timestamps.map(|timestamps| timestamps.echo);
    #[cfg(not(lwip_tcp_timestamps))]
    let echo = None;
    if let Some(freed) = take_ack_with_sacks(pcb, segment.header.ack, &segment.options.sacks, echo) {
        news.acked = freed;
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
fn enter(pcb: Pcb<'_>, state: State, news: &mut News) {
    if state == pcb.state() {
        return;
    }
    match state {
        State::Closed => news.closed = true,
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
fn on_data(pcb: Pcb<'_>, segment: &mut Segment, news: &mut News) {
    if segment.seq_len == 0 || segment.has(Flags::SYN) || pcb.state() >= State::CloseWait {
        return;
    }
    let Some(data) = segment.data.take() else { return };
    let fin = segment.has(Flags::FIN);
    let received = rod::receive(pcb, Incoming { seq: segment.header.seq, data, fin });
    let Some(received) = received else {
        news.ack_at_once = true;
        return;
    };
    flow_control::on_received(pcb, received.seq_len);
    rod::ack_delayed(pcb);
    #[cfg(lwip_nd6_tcp_reachability_hints)]
    Packet::current(pcb.core()).confirm_reachability();
    match received.ack {
        AckWish::Delayed => {}
        AckWish::Soon => rod::ack_now(pcb),
        AckWish::Immediate => news.ack_at_once = true,
    }
    news.data = received.data;
    if received.fin {
        news.fin = true;
        rod::ack_now(pcb);
        let all_acked = pcb.has(Bit::FIN) && pcb.lastack() == pcb.snd_nxt() && pcb.unsent_is_empty();
        enter(pcb, cm::state_after_fin(pcb.state(), all_acked), news);
    }
}

/// The peer has reset the connection. The PCB is freed before the application is told, as the err callback's
/// documentation says.
fn on_reset(core: &mut Core, id: PcbId) {
    api::finish(core, id, false, Some(Error::RST));
}
