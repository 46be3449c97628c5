//! One segment's way out.

#![forbid(unsafe_code)]

#[cfg(sack_recovery)]
use crate::components::congestion_control;
use crate::components::{flow_control, rod};
use crate::ffi::callbacks::hooks;
use crate::ffi::diagnostics::{Event, debug, mib2_stat, tcp_stat};
use crate::ffi::ip::{self, Addr, Netif, Route};
use crate::ffi::pbuf::OwnSegment;
use crate::ffi::{Error, Result, config};
use crate::pcb::{Bit, Core, Pcb, PcbId, SegBox, State};
use crate::wire::{Flags, HEADER_LEN, Header, MAX_OPTIONS_LEN, SeqNum, WordWriter, word};

/// Which options a segment has: lwIP's TF_SEG_OPTS_x.
#[derive(Clone, Copy)]
pub(crate) struct OptionSet(pub(crate) u8);

impl OptionSet {
    const MSS: u8 = config::SEG_OPTS_MSS as u8;
    const TS: u8 = config::SEG_OPTS_TS as u8;
    const WND_SCALE: u8 = config::SEG_OPTS_WND_SCALE as u8;
    const SACK_PERM: u8 = config::SEG_OPTS_SACK_PERM as u8;

    /// Those of every segment of a connection (RFC 7323 3.2: timestamps, once negotiated).
    pub(crate) fn of_connection(pcb: Pcb<'_>) -> Self {
        #[cfg(lwip_tcp_timestamps)]
        if pcb.has(Bit::TIMESTAMPS) {
            return Self(Self::TS);
        }
        let _ = pcb;
        Self(0)
    }

    /// Those of a SYN: everything that we can do; what the peer has offered, if its SYN was first (RFC 7323 2.2, 3.2).
    pub(crate) fn of_syn(pcb: Pcb<'_>) -> Self {
        let first = pcb.state() != State::SynRcvd;
        let mut set = Self::MSS;
        #[cfg(lwip_wnd_scale)]
        if first || pcb.has(Bit::WND_SCALE) {
            set |= Self::WND_SCALE;
        }
        #[cfg(lwip_tcp_sack_out)]
        if first || pcb.has(Bit::SACK) {
            set |= Self::SACK_PERM;
        }
        #[cfg(lwip_tcp_timestamps)]
        if first || pcb.has(Bit::TIMESTAMPS) {
            set |= Self::TS;
        }
        let _ = (first, &mut set);
        Self(set)
    }

    /// Octets that they take, with those of the application's hook.
    pub(crate) fn len(self, pcb: Option<Pcb<'_>>) -> u16 {
        let octets = |option: u8, octets| if self.0 & option != 0 { octets } else { 0 };
        let mut len = octets(Self::MSS, 4);
        if cfg!(lwip_tcp_timestamps) {
            len += octets(Self::TS, 12);
        }
        if cfg!(lwip_wnd_scale) {
            len += octets(Self::WND_SCALE, 4);
        }
        if cfg!(lwip_tcp_sack_out) {
            len += octets(Self::SACK_PERM, 4);
        }
        hooks::option_length(pcb, len).into()
    }

    fn write(self, pcb: Pcb<'_>, netif: Netif, writer: &mut WordWriter<'_>) {
        if self.0 & Self::MSS != 0 {
            writer.word(word::mss(effective_mss(config::TCP_MSS as u16, Some(netif), pcb.remote_ip())));
        }
        self.write_timestamps(pcb, writer);
        #[cfg(lwip_wnd_scale)]
        if self.0 & Self::WND_SCALE != 0 {
            writer.word(word::window_scale(config::TCP_RCV_SCALE as u8));
        }
        #[cfg(lwip_tcp_sack_out)]
        if self.0 & Self::SACK_PERM != 0 {
            writer.word(word::SACK_PERM);
        }
    }

    fn write_timestamps(self, pcb: Pcb<'_>, writer: &mut WordWriter<'_>) {
        #[cfg(lwip_tcp_timestamps)]
        if self.0 & Self::TS != 0 {
            writer.word(word::TIMESTAMPS_HEAD);
            writer.word(ip::now_ms());
            writer.word(pcb.ts_recent());
        }
        let _ = (pcb, writer);
    }
}

#[cfg_attr(small, inline(never))]
/// tcp_eff_send_mss_netif: `mss`, or what fits the path's largest packet if that is less (RFC 9293 3.7.1, MUST-16).
pub(crate) fn effective_mss(mss: u16, netif: Option<Netif>, dst: Addr<'_>) -> u16 {
    #[cfg(tcp_calculate_eff_send_mss)]
    if let Some(mtu) = netif.map(|netif| netif.mtu(dst)).filter(|mtu| *mtu != 0) {
        let headers = HEADER_LEN + if dst.is_v6() { 40 } else { 20 };
        // An MTU without room for data is a mistake, but no reason to stand still.
        return mss.min(mtu.saturating_sub(headers).max(1));
    }
    let _ = (netif, dst);
    mss
}

/// The interface that a connection's packets leave by.
#[cfg_attr(small, inline(never))]
pub(crate) fn route(pcb: Pcb<'_>) -> Option<Netif> {
    route_between(Some(pcb), pcb.local_ip(), pcb.remote_ip())
}

#[inline(always)]
pub(crate) fn route_between(pcb: Option<Pcb<'_>>, src: Addr<'_>, dst: Addr<'_>) -> Option<Netif> {
    match pcb.map(Pcb::netif_idx) {
        Some(index) if index != 0 => Netif::by_index(index),
        _ => Netif::route(src, dst),
    }
}

/// tcp_output: sends what may be sent, and an ACK if one is due.
pub(crate) fn output(core: &mut Core, id: PcbId) -> Result {
    let result = send_what_may_be_sent(core, id);
    #[cfg(fine_timers)]
    crate::timer::fine::update(core, id);
    result
}

fn send_what_may_be_sent(core: &mut Core, id: PcbId) -> Result {
    let mut pcb = core.get(id).ok_or(Error::CONN)?;
    // Until tcp_input is done with a segment its connection waits: then there is one answer to all of it.
    if core::ptr::eq(core.input_pcb(), id.as_ptr()) {
        return Ok(());
    }
    let mut allowed = false;
    if !pcb.unsent_is_empty() {
        let netif = route(pcb).ok_or(Error::RTE)?;
        choose_local_ip(pcb, netif)?;
        #[cfg(sack_recovery)]
        if pcb.unacked_is_empty() {
            let idle = core.ticks().wrapping_sub(pcb.tmr()).saturating_mul(config::TCP_SLOW_INTERVAL);
            congestion_control::on_restart(pcb, idle);
        }
        let window = flow_control::usable_window(pcb);
        // Every round takes a segment off the queue, to which a driver that loops packets back at once may add some.
        while let Some(mut seg) = take_if_allowed(pcb, window, &mut allowed) {
            let mut result = Ok(());
            // What the driver still holds from the last time is on its way and must not be changed.
            if !seg.seg().is_busy() {
                let route = prepare(pcb, &mut seg, netif);
                result = core.ip_output(&seg.pbuf(), &route);
            }
            pcb = core.get(id).ok_or(Error::CONN)?;
            if result.is_err() {
                rod::back_to_unsent(pcb, seg);
                rod::set_memory_error(pcb, true);
                return result;
            }
            #[cfg(pacing)]
            congestion_control::pacing::on_sent(pcb, seg.seg().seq_len());
            rod::on_segment_sent(pcb, seg);
        }
    }
    #[cfg(sack_recovery)]
    if pcb.unsent_is_empty() && pcb.pipe().saturating_add(pcb.mss().into()) <= pcb.cwnd().into() {
        congestion_control::on_app_limited(pcb);
    }
    #[cfg(rack)]
    if allowed {
        rod::on_output(pcb);
    }
    let ack_due = pcb.has(Bit::ACK_NOW);
    if allowed || !ack_due {
        rod::set_memory_error(pcb, false);
    }
    if ack_due { send_empty_ack(core, id) } else { Ok(()) }
}

/// Takes the segment that comes next, if it may be sent. `allowed`: the windows let it go, if nothing else holds it back.
fn take_if_allowed(pcb: Pcb<'_>, window: crate::ffi::Wnd, allowed: &mut bool) -> Option<SegBox> {
    #[cfg(path_mtu)]
    crate::segmentation::fit_front(pcb);
    let front = rod::front(pcb)?;
    if !may_go(pcb, &front, window) {
        if is_window_full(pcb, window) && pcb.unacked_is_empty() {
            block(pcb);
        }
        return None;
    }
    flow_control::on_unblocked(pcb);
    *allowed = true;
    #[cfg(pacing)]
    if pcb.extra() == 0 && !congestion_control::pacing::may_send(pcb) {
        return None;
    }
    if may_send(pcb, &front) { rod::take_front(pcb) } else { None }
}

/// The window has no room for what waits, and nothing is in flight that would bring a window update.
fn block(pcb: Pcb<'_>) {
    #[cfg(fine_timers)]
    if pcb.persist_backoff() == 0 {
        rod::start_persist_timer(pcb, 1);
    }
    flow_control::on_blocked(pcb);
}

/// The end of the segment lies within the window.
fn fits(pcb: Pcb<'_>, front: &rod::Front, window: crate::ffi::Wnd) -> bool {
    (front.seq - pcb.lastack()).wrapping_add(front.len.into()) <= window.into()
}

/// The segment may be sent: by the windows, or, with SACK, by what is in the network.
fn may_go(pcb: Pcb<'_>, front: &rod::Front, window: crate::ffi::Wnd) -> bool {
    #[cfg(sack_recovery)]
    {
        if rod::uses_sack(pcb) {
            return rod::allows(pcb, front, pcb.cwnd());
        }
        if pcb.extra() > 0 && fits(pcb, front, pcb.snd_wnd()) {
            return true;
        }
    }
    fits(pcb, front, window)
}

/// It is the peer's window that is full, and not cwnd.
fn is_window_full(pcb: Pcb<'_>, window: crate::ffi::Wnd) -> bool {
    #[cfg(sack_recovery)]
    if rod::uses_sack(pcb) {
        // With nothing in the network, cwnd takes a segment.
        return true;
    }
    window == pcb.snd_wnd()
}

/// A connection whose address was open until it had something to send gets the interface's.
fn choose_local_ip(pcb: Pcb<'_>, netif: Netif) -> Result {
    if pcb.local_ip().is_any() {
        let addr = netif.local_ip(pcb.core(), pcb.remote_ip()).ok_or(Error::RTE)?;
        crate::components::connection_management::settings::local_ip(pcb, addr);
    }
    Ok(())
}

/// The Nagle algorithm (RFC 9293 3.7.4): while data are in flight, only full segments; unless it is off, the queue is
/// full, recovery is under way, or the connection is being closed.
fn may_send(pcb: Pcb<'_>, front: &rod::Front) -> bool {
    pcb.unacked_is_empty()
        || front.more
        || front.len >= pcb.mss()
        || pcb.has(Bit::NODELAY | Bit::FIN)
        || pcb.has(Bit::IN_FAST_RECOVERY | Bit::MEMORY_ERROR)
        || pcb.snd_buf() == 0
        || (cfg!(sack_recovery) && front.seq.lt(pcb.snd_nxt()))
        || is_probe(pcb)
        || u32::from(pcb.snd_queuelen()) >= config::TCP_SND_QUEUELEN
}

/// A loss probe, or the first retransmission of a recovery, is due whatever its size.
fn is_probe(pcb: Pcb<'_>) -> bool {
    #[cfg(sack_recovery)]
    return rod::uses_sack(pcb) && pcb.extra() > 0;
    #[cfg(not(sack_recovery))]
    {
        let _ = pcb;
        false
    }
}

/// Fills in what a queued segment gets when it is sent: acknowledgment, window, options, checksum. Which way it takes.
fn prepare(pcb: Pcb<'_>, seg: &mut SegBox, netif: Netif) -> Route {
    if pcb.state() != State::SynSent {
        seg.seg().add_flags(Flags::ACK);
    }
    let again = seg.rewind();
    if !again {
        mib2_stat!(tcpoutsegs);
    }
    let syn = seg.seg().options() & OptionSet::WND_SCALE != 0;
    flow_control::on_window_sent(pcb);
    seg.set_ack_and_window(pcb.rcv_nxt(), flow_control::window_field(pcb, syn));
    rod::on_ack_built(pcb);
    rod::on_timing(pcb, seg.seg().seq(), pcb.core().clock(), !again);
    debug(Event::SegmentSent, seg.seg().seq().raw(), seg.seg().end().raw());
    #[cfg(ecn)]
    {
        let (segment, new) = (seg.seg(), is_new(pcb, seg.seg(), again));
        let flags = congestion_control::ecn::flags_to_send(pcb, segment.flags().has(Flags::SYN), new);
        segment.set_flags(segment.flags().without(Flags::ECE | Flags::CWR) | flags);
    }
    let options = OptionSet(seg.seg().options());
    if options.0 != 0 || cfg!(hook_tcp_out_add_tcpopts) {
        let mut writer = WordWriter::new(seg.options_mut());
        options.write(pcb, netif, &mut writer);
        let left = writer.into_rest().len();
        add_hooked_options(pcb, seg, left);
    }
    #[cfg(tcp_checksum_on_copy)]
    let checksum = ip::checksum_with_data(
        &seg.pbuf(),
        seg.header_len(),
        seg.seg().checksum_of_data(),
        pcb.local_ip(),
        pcb.remote_ip(),
        netif,
    );
    #[cfg(not(tcp_checksum_on_copy))]
    let checksum = ip::checksum(&seg.pbuf(), pcb.local_ip(), pcb.remote_ip(), netif);
    if let Some(checksum) = checksum {
        #[cfg(tcp_checksum_on_copy_sanity_check)]
        let whole = ip::checksum(&seg.pbuf(), pcb.local_ip(), pcb.remote_ip(), netif);
        seg.set_checksum(checksum);
        #[cfg(tcp_checksum_on_copy_sanity_check)]
        if let Some(whole) = whole.filter(|whole| *whole != checksum) {
            crate::ffi::report_checksum_mismatch(seg, whole);
        }
    }
    tcp_stat!(xmit);
    let route = Route::of(pcb, netif);
    #[cfg(ecn)]
    let markable = seg.seg().len() > 0 && seg.seg().seq().ge(pcb.snd_nxt());
    #[cfg(ecn)]
    let route = route.markable(congestion_control::ecn::may_be_marked(pcb, markable));
    route
}

/// It has something that was not sent before.
#[cfg(ecn)]
fn is_new(pcb: Pcb<'_>, seg: crate::pcb::Seg<'_>, again: bool) -> bool {
    // tcp_connect has counted the SYN as sent.
    !again && (seg.flags().has(Flags::SYN) || (seg.seq_len() > 0 && pcb.snd_nxt().lt(seg.end())))
}

fn add_hooked_options(pcb: Pcb<'_>, seg: &mut SegBox, left: usize) {
    if cfg!(hook_tcp_out_add_tcpopts) {
        let header = seg.header_ptr();
        let p = seg.pbuf().as_ptr();
        let area = seg.options_mut();
        let start = area.len().saturating_sub(left);
        if let Some(area) = area.get_mut(start..) {
            hooks::add_options(p, header, Some(pcb), area);
        }
    }
}

/// What a connection sends beside its queue. As wide as a register, since it is handed on and compared.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Special {
    /// An ACK without data, with the SACK blocks that there are.
    Ack,
    /// A keep-alive probe.
    KeepAlive,
    /// A probe into a closed window: an octet of the segment that comes next,
    WindowProbe,
    /// or its FIN.
    FinProbe,
}

/// How many blocks of SACK an ACK has room for, behind `option_len` octets of other options.
fn blocks_of_ack(pcb: Pcb<'_>, option_len: u16) -> u8 {
    #[cfg(lwip_tcp_sack_out)]
    return rod::blocks_to_report(pcb, MAX_OPTIONS_LEN - usize::from(option_len)).count() as u8;
    #[cfg(not(lwip_tcp_sack_out))]
    {
        let _ = (pcb, option_len, MAX_OPTIONS_LEN);
        0
    }
}

fn write_blocks(pcb: Pcb<'_>, blocks: u8, writer: &mut WordWriter<'_>) {
    #[cfg(lwip_tcp_sack_out)]
    if blocks > 0 {
        writer.word(word::sack_head(blocks));
        for block in rod::blocks_to_report(pcb, MAX_OPTIONS_LEN).take(blocks.into()) {
            writer.word(block.left);
            writer.word(block.right);
        }
    }
    let _ = (pcb, blocks, writer);
}

/// Such a segment, with the present acknowledgment and window. Its checksum is still zero. Out of line, so that what is needed to
/// build it is off the stack when it is sent.
#[cfg_attr(small, inline(never))]
fn build_special(pcb: Pcb<'_>, special: Special, seq: SeqNum) -> Option<OwnSegment> {
    let options = OptionSet::of_connection(pcb);
    let own_len = options.len(Some(pcb));
    let blocks = if special == Special::Ack { blocks_of_ack(pcb, own_len) } else { 0 };
    let option_len = own_len + if blocks == 0 { 0 } else { 4 + 8 * u16::from(blocks) };
    let data_len = u16::from(special == Special::WindowProbe);
    let mut p = OwnSegment::alloc(option_len + data_len, || {
        let flags = if special == Special::FinProbe { Flags::ACK | Flags::FIN } else { Flags::ACK };
        #[cfg(ecn)]
        let flags = flags | congestion_control::ecn::flags_to_send(pcb, false, false);
        Header {
            src: pcb.local_port(),
            dst: pcb.remote_port(),
            seq,
            ack: pcb.rcv_nxt(),
            len: HEADER_LEN + option_len,
            flags,
            wnd: flow_control::window_field(pcb, false),
        }
    })?;
    let (raw, raw_header) = (p.as_ptr(), p.payload());
    let (area, data) = p.rest_mut().split_at_mut_checked(option_len.into())?;
    if !data.is_empty() {
        rod::copy_front(pcb, data, 0);
    }
    if cfg!(any(lwip_tcp_timestamps, lwip_tcp_sack_out, hook_tcp_out_add_tcpopts)) {
        let mut writer = WordWriter::new(area);
        options.write_timestamps(pcb, &mut writer);
        write_blocks(pcb, blocks, &mut writer);
        hooks::add_options(raw, raw_header.cast(), Some(pcb), writer.into_rest());
    }
    Some(p)
}

/// Makes such a segment and sends it: ERR_MEM without memory (ERR_BUF if it is an ACK), ERR_RTE without a route.
fn send_special(core: &mut Core, id: PcbId, special: Special) -> Result {
    let pcb = core.get(id).ok_or(Error::CONN)?;
    let is_probe = matches!(special, Special::WindowProbe | Special::FinProbe);
    let seq = match rod::front(pcb) {
        Some(front) if is_probe => front.seq,
        // RFC 9293 3.8.4: a keep-alive lies before the window, so that a living peer answers.
        _ => pcb.snd_nxt() - u32::from(special == Special::KeepAlive),
    };
    let no_memory = if special == Special::Ack { Error::BUF } else { Error::MEM };
    let p = build_special(pcb, special, seq).ok_or(no_memory)?;
    let netif = route(pcb).ok_or(Error::RTE)?;
    flow_control::on_window_sent(pcb);
    rod::on_ack_built(pcb);
    if is_probe {
        rod::on_probe(pcb, seq);
    }
    let route = Route::of(pcb, netif);
    core.transmit(p, &route)
}

/// tcp_send_empty_ack: an ACK without data, with the SACK blocks that there are. ERR_BUF without memory. If it cannot be
/// sent, the timer tries again.
pub(crate) fn send_empty_ack(core: &mut Core, id: PcbId) -> Result {
    let result = send_special(core, id, Special::Ack);
    if let Some(pcb) = core.get(id) {
        if result.is_ok() { rod::on_ack_sent(pcb) } else { rod::on_ack_failed(pcb) }
    }
    #[cfg(fine_timers)]
    crate::timer::fine::update(core, id);
    result
}

/// tcp_keepalive: a probe with the sequence number before SND.NXT, to which a living peer answers (RFC 9293 3.8.4).
pub(crate) fn send_keep_alive(core: &mut Core, id: PcbId) -> Result {
    send_special(core, id, Special::KeepAlive)
}

/// tcp_zero_window_probe: one octet of the first unsent segment, or its FIN, beyond the window (RFC 9293 3.8.6.1).
pub(crate) fn send_window_probe(core: &mut Core, id: PcbId) -> Result {
    let pcb = core.get(id).ok_or(Error::CONN)?;
    let Some(front) = rod::front(pcb) else { return Ok(()) };
    flow_control::on_probe(pcb);
    let has_octet = front.len > 0 || !front.flags.has(Flags::FIN);
    send_special(core, id, if has_octet { Special::WindowProbe } else { Special::FinProbe })
}

/// Tells the peer of a connection that it is over.
pub(crate) fn reset_peer(core: &mut Core, id: PcbId) {
    let Some(pcb) = core.get(id) else { return };
    let Some(netif) = route(pcb) else { return };
    let reset = Reset {
        seq: pcb.snd_nxt(),
        ack: pcb.rcv_nxt(),
        src: pcb.local_port(),
        dst: pcb.remote_port(),
        route: Route::of(pcb, netif),
    };
    reset.send(core);
}

/// A reset, and the way that it takes.
pub(crate) struct Reset {
    pub(crate) seq: SeqNum,
    pub(crate) ack: SeqNum,
    pub(crate) src: u16,
    pub(crate) dst: u16,
    pub(crate) route: Route,
}

impl Reset {
    /// tcp_rst: sends it. What cannot be sent is lost: resets are not repeated. Its window is as large as ours may be.
    #[cfg_attr(small, inline(never))]
    pub(crate) fn send(&self, core: &mut Core) {
        #[cfg(lwip_wnd_scale)]
        let wnd = (config::TCP_WND >> config::TCP_RCV_SCALE) as u16;
        #[cfg(not(lwip_wnd_scale))]
        let wnd = config::TCP_WND as u16;
        let &Self { seq, ack, src, dst, ref route } = self;
        // Nobody but the hooks for options has to know the connection.
        let hooked = cfg!(any(hook_tcp_out_tcpopt_length, hook_tcp_out_add_tcpopts));
        let pcb = if hooked { core.find(route.pcb()) } else { None };
        let option_len = OptionSet(0).len(pcb);
        let flags = Flags::RST | Flags::ACK;
        let header = || Header { src, dst, seq, ack, len: HEADER_LEN + option_len, flags, wnd };
        let Some(mut p) = OwnSegment::alloc(option_len, header) else { return };
        let (raw, raw_header) = (p.as_ptr(), p.payload());
        hooks::add_options(raw, raw_header.cast(), pcb, p.rest_mut());
        mib2_stat!(tcpoutrsts);
        debug(Event::ResetSent, seq.raw(), ack.raw());
        core.transmit(p, route).ok();
    }
}
