//! From octets to segments: tcp_write, splitting, and the segments of SYN and FIN.

#![forbid(unsafe_code)]

use crate::components::{connection_management as cm, flow_control, rod};
use crate::ffi::diagnostics::{Event, debug, tcp_stat};
use crate::ffi::pbuf::{AppData, Checksum, Layer, Pbuf};
use crate::ffi::{Error, Result, config};
use crate::output::OptionSet;
use crate::pcb::{Bit, Chain, Pcb, SegBox, State};
use crate::wire::{Flags, HEADER_LEN, Header, SeqNum};

/// The flags of tcp_write.
#[derive(Clone, Copy)]
pub(crate) struct WriteFlags {
    /// TCP_WRITE_FLAG_COPY: the octets are copied.
    pub(crate) copy: bool,
    /// TCP_WRITE_FLAG_MORE: more will follow, do not push.
    pub(crate) more: bool,
}

/// The longest send queue, in pbufs.
const MAX_QUEUE: u32 = if config::TCP_SND_QUEUELEN < 0xfffc { config::TCP_SND_QUEUELEN } else { 0xfffc };

/// What tcp_write is going to do, allocated and filled, but not done yet: until everything is there, the connection is
/// as it was, so that a failure has no effect.
struct Plan {
    /// Octets that fill the room behind the last segment.
    fill: AppData,
    /// Octets of the application's memory that go on where the last pbuf ends,
    extend: AppData,
    /// or one more pbuf, for the last segment.
    append: Option<(Pbuf, Checksum)>,
    /// New segments,
    chain: Chain,
    /// and what is in them.
    octets: u32,
    pbufs: u16,
    /// Room that will be left behind the last segment.
    oversize: u16,
    /// The last segment, or the first of the new ones, is larger than the others: it probes the path.
    #[cfg(path_mtu)]
    probes: bool,
}

/// Why data cannot be queued now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shortage {
    /// The connection's own queue is full: its own acknowledgments make room.
    Queue,
    /// lwIP's memory is used up, perhaps by others.
    Memory,
}

/// tcp_write: queues `data`, all of them or, with an error, none. ERR_CONN: not in a state to send; ERR_MEM: no room, or
/// no memory, now.
pub(crate) fn write(pcb: Pcb<'_>, data: AppData, flags: WriteFlags) -> Result {
    if !matches!(pcb.state(), State::Established | State::CloseWait | State::SynSent | State::SynRcvd)
        || pcb.has(Bit::CLOSE_PENDING)
    {
        return Err(Error::CONN);
    }
    let len = data.len();
    if len == 0 {
        return Ok(());
    }
    if u32::from(len) > pcb.snd_buf().into() {
        rod::set_memory_error(pcb, true);
        return Err(Error::MEM);
    }
    let flags = WriteFlags { copy: flags.copy || cfg!(lwip_netif_tx_single_pbuf), ..flags };
    let queue_full = u32::from(pcb.snd_queuelen()) >= MAX_QUEUE;
    let planned = if queue_full { Err(Shortage::Queue) } else { plan(pcb, data, flags) };
    let plan = match planned {
        Ok(plan) => plan,
        Err(shortage) => {
            tcp_stat!(memerr);
            rod::set_memory_error(pcb, true);
            if shortage == Shortage::Memory {
                rod::set_wants_memory(pcb, true);
                pcb.core().set_memory_wanted(true);
            }
            return Err(Error::MEM);
        }
    };
    rod::set_wants_memory(pcb, false);
    carry_out(pcb, plan);
    flow_control::on_send_buffer_used(pcb, len);
    if !flags.more {
        rod::push_last(pcb);
    }
    debug(Event::SendQueue, pcb.snd_queuelen().into(), pcb.snd_buf().into());
    Ok(())
}

/// Segments, of which options take `option_len`, are kept to half the largest window that the peer has offered: it could
/// not take more than one otherwise. A window too small even for that does not count.
fn segment_size(pcb: Pcb<'_>, option_len: u16) -> u16 {
    let half = (u32::from(pcb.snd_wnd_max()) / 2).min(0xffff) as u16;
    if half > option_len { pcb.mss().min(half) } else { pcb.mss() }
}

/// As large as a segment may be that finds out what the path takes: the one that is queued for that already, as long as it is the
/// last, or, when it is time for one, the next. 0: none may be.
fn path_probe(pcb: Pcb<'_>, last: Option<&rod::LastUnsent>, size: u16) -> u16 {
    #[cfg(path_mtu)]
    {
        let larger = last.is_some_and(|last| last.len.saturating_add(OptionSet(last.options).len(Some(pcb))) > size);
        if larger && cm::pmtu::is_probing(pcb) {
            return cm::pmtu::next_size(pcb);
        }
        cm::pmtu::probe_size(pcb).unwrap_or(0)
    }
    #[cfg(not(path_mtu))]
    {
        let _ = (pcb, last, size);
        0
    }
}

impl Plan {
    /// How large the segment behind one of `len` octets may be: only one may be larger than `size`.
    fn next(&mut self, len: u32, most: u16, size: u16) -> u16 {
        #[cfg(path_mtu)]
        if most > size && len > size.into() {
            self.probes = true;
            return size;
        }
        let _ = (len, size);
        most
    }
}

fn plan(pcb: Pcb<'_>, data: AppData, flags: WriteFlags) -> core::result::Result<Plan, Shortage> {
    let options = OptionSet::of_connection(pcb);
    let option_len = options.len(Some(pcb));
    let size = segment_size(pcb, option_len).max(option_len + 1);
    let (nothing, _) = data.split(0);
    let octets = u32::from(data.len());
    let mut plan = Plan {
        fill: nothing,
        extend: nothing,
        append: None,
        chain: Chain::new(),
        octets,
        pbufs: 0,
        oversize: 0,
        #[cfg(path_mtu)]
        probes: false,
    };
    let mut left = data;
    // One segment more than any other may grow larger than they are, if it is time to probe the path.
    let last = rod::last_unsent(pcb);
    let mut most = size.max(path_probe(pcb, last.as_ref(), size));
    if let Some(last) = last {
        left = plan_last(pcb, &mut plan, &last, most, data, flags).ok_or(Shortage::Memory)?;
        let grown = u32::from(last.len) + u32::from(data.len().saturating_sub(left.len()));
        most = plan.next(grown + u32::from(option_len), most, size);
    }
    plan.octets = left.len().into();
    let mut seq = pcb.snd_lbb() + (octets - plan.octets);
    while left.len() > 0 {
        let (piece, rest) = left.split(most - option_len);
        let (new, oversize) = new_segment(pcb, &plan, piece, seq, options, most, flags).ok_or(Shortage::Memory)?;
        most = plan.next(u32::from(piece.len()) + u32::from(option_len), most, size);
        plan.oversize = oversize;
        plan.pbufs = plan.pbufs.saturating_add(new.seg().clen());
        if queued_pbufs(pcb, &plan) > MAX_QUEUE {
            return Err(Shortage::Queue);
        }
        plan.chain.push_back(new);
        seq += u32::from(piece.len());
        left = rest;
    }
    Ok(plan)
}

fn queued_pbufs(pcb: Pcb<'_>, plan: &Plan) -> u32 {
    u32::from(pcb.snd_queuelen()) + u32::from(plan.pbufs) + u32::from(plan.append.is_some())
}

/// How much of `data` the last unsent segment takes; the rest comes back.
fn plan_last(
    pcb: Pcb<'_>,
    plan: &mut Plan,
    last: &rod::LastUnsent,
    size: u16,
    data: AppData,
    flags: WriteFlags,
) -> Option<AppData> {
    let space = size.saturating_sub(last.len.saturating_add(OptionSet(last.options).len(Some(pcb))));
    let oversize = rod::oversize(pcb);
    let (fill, left) = data.split(space.min(oversize));
    plan.fill = fill;
    plan.oversize = oversize - fill.len();
    let space = space - fill.len();
    if cfg!(lwip_netif_tx_single_pbuf) || left.len() == 0 || space == 0 || last.len == 0 {
        return Some(left);
    }
    let (piece, left) = left.split(space);
    if flags.copy {
        let (mut p, oversize) = copy_pbuf(pcb, Layer::Raw, piece.len(), space, true, flags)?;
        let sum = piece.copy_to(p.first_mut());
        plan.append = Some((p, sum));
        plan.oversize = oversize;
    } else if fill.len() == 0 && last.reference_end.is_some_and(|end| piece.starts_at(end)) {
        plan.extend = piece;
    } else {
        plan.append = Some((Pbuf::reference(Layer::Raw, piece)?, piece.sum()));
        plan.oversize = 0;
    }
    Some(left)
}

fn carry_out(pcb: Pcb<'_>, plan: Plan) {
    #[cfg(path_mtu)]
    if plan.probes {
        cm::pmtu::on_probe_queued(pcb);
    }
    let Plan { fill, extend, append, chain, octets, pbufs, oversize, .. } = plan;
    if fill.len() > 0 {
        rod::extend_last_by_copy(pcb, fill);
    }
    if extend.len() > 0 {
        rod::extend_last_by_reference(pcb, extend);
    }
    if let Some((p, sum)) = append {
        rod::append_to_last(pcb, p, sum);
    }
    if !chain.is_empty() {
        rod::forget_oversize(pcb);
        rod::enqueue_chain(pcb, chain, octets, pbufs);
    }
    rod::on_data_queued(pcb, oversize);
}

/// A segment of `data`, and the room left behind them.
fn new_segment(
    pcb: Pcb<'_>,
    plan: &Plan,
    data: AppData,
    seq: SeqNum,
    options: OptionSet,
    size: u16,
    flags: WriteFlags,
) -> Option<(SegBox, u16)> {
    let option_len = options.len(Some(pcb));
    let (p, oversize, sum) = if flags.copy {
        let first = plan.chain.is_empty();
        let (mut p, oversize) = copy_pbuf(pcb, Layer::Transport, data.len() + option_len, size, first, flags)?;
        let sum = data.copy_to(p.first_mut().get_mut(usize::from(option_len)..)?);
        (p, oversize, sum)
    } else {
        let referring = Pbuf::reference(Layer::Transport, data)?;
        let mut p = Pbuf::alloc(Layer::Transport, option_len)?;
        p.cat(referring);
        (p, 0, data.sum())
    };
    let seg = SegBox::create(p, &header(pcb, seq, Flags::NONE, option_len), options.0, sum)?;
    Some((seg, oversize))
}

/// A pbuf to copy `len` octets into, with room for more behind them, up to `max`, if the application is likely to write
/// more before it is sent (TCP_OVERSIZE); and how much room that is.
fn copy_pbuf(pcb: Pcb<'_>, layer: Layer, len: u16, max: u16, first: bool, flags: WriteFlags) -> Option<(Pbuf, u16)> {
    #[cfg(tcp_oversize)]
    {
        let waits = !pcb.has(Bit::NODELAY) && (!first || !pcb.unsent_is_empty() || !pcb.unacked_is_empty());
        let room = if cfg!(lwip_netif_tx_single_pbuf) {
            max.max(len)
        } else if len < max && (flags.more || waits) {
            oversized(len).max(len).min(max)
        } else {
            len
        };
        let mut p = Pbuf::alloc(layer, room)?;
        let spare = p.reserve_behind(len);
        Some((p, spare))
    }
    #[cfg(not(tcp_oversize))]
    {
        let _ = (pcb, max, first, flags);
        Some((Pbuf::alloc(layer, len)?, 0))
    }
}

/// The length to allocate for `len` octets.
#[cfg(tcp_oversize)]
fn oversized(len: u16) -> u16 {
    #[cfg(oversize_calc_length)]
    let wished = u32::from(crate::ffi::oversize_length(len));
    #[cfg(not(oversize_calc_length))]
    let wished = u32::from(len) + config::TCP_OVERSIZE;
    let alignment = config::MEM_ALIGNMENT;
    (wished + alignment - 1).min(0xffff) as u16 / alignment as u16 * alignment as u16
}

fn header(pcb: Pcb<'_>, seq: SeqNum, flags: Flags, option_len: u16) -> Header {
    Header {
        src: pcb.local_port(),
        dst: pcb.remote_port(),
        seq,
        ack: SeqNum::new(0),
        len: HEADER_LEN + option_len,
        flags,
        wnd: 0,
    }
}

/// tcp_enqueue_flags: queues a segment with SYN or FIN. ERR_MEM: no memory; nothing happened.
pub(crate) fn enqueue_flags(pcb: Pcb<'_>, flags: Flags) -> Result {
    let options = if flags.has(Flags::SYN) { OptionSet::of_syn(pcb) } else { OptionSet::of_connection(pcb) };
    let option_len = options.len(Some(pcb));
    let seg = Pbuf::alloc(Layer::Transport, option_len).and_then(|p| {
        SegBox::create(p, &header(pcb, pcb.snd_lbb(), flags, option_len), options.0, Checksum::default())
    });
    let Some(seg) = seg else {
        tcp_stat!(memerr);
        rod::set_memory_error(pcb, true);
        return Err(Error::MEM);
    };
    rod::forget_oversize(pcb);
    rod::enqueue(pcb, seg);
    if flags.has(Flags::FIN) {
        cm::on_fin_queued(pcb);
    }
    Ok(())
}

/// tcp_send_fin: our FIN goes with the last unsent segment, or gets one of its own. ERR_MEM: no memory for that.
pub(crate) fn send_fin(pcb: Pcb<'_>) -> Result {
    if rod::last_unsent(pcb).is_some() && rod::mark_fin_on_last(pcb) {
        cm::on_fin_queued(pcb);
        return Ok(());
    }
    enqueue_flags(pcb, Flags::FIN)
}

/// tcp_split_unsent_seg: makes two segments of the first unsent one, the first with `len` octets of data. ERR_VAL: `len`
/// is 0; ERR_MEM: nothing to split, or no memory; nothing happened.
pub(crate) fn split_front(pcb: Pcb<'_>, len: u16) -> Result {
    let front = rod::front(pcb).ok_or(Error::MEM)?;
    if len == 0 {
        return Err(Error::VAL);
    }
    if front.len <= len {
        return Ok(());
    }
    let Some(rest) = split_off(pcb, &front, len) else {
        tcp_stat!(memerr);
        return Err(Error::MEM);
    };
    rod::split_front(pcb, len, rest);
    Ok(())
}

/// Cuts the segment that comes next down to the MSS, if that was reduced since the segment was made. One that probes the path goes
/// as it is, once. Without memory it stays as it is.
#[cfg(path_mtu)]
pub(crate) fn fit_front(pcb: Pcb<'_>) {
    if !cm::pmtu::is_reduced(pcb) {
        return;
    }
    let Some(front) = rod::front(pcb) else { return };
    let option_len = OptionSet(front.options).len(Some(pcb));
    let room = pcb.mss().saturating_sub(option_len);
    if front.len <= room || rod::is_front_busy(pcb) {
        return;
    }
    if cm::pmtu::is_probing(pcb) {
        if front.seq.ge(pcb.snd_nxt()) {
            return;
        }
        cm::pmtu::on_probe_lost(pcb, front.len.saturating_add(option_len));
    }
    split_front(pcb, room).ok();
}

/// A segment with what is behind the first `len` octets of `front`, PSH and FIN included.
fn split_off(pcb: Pcb<'_>, front: &rod::Front, len: u16) -> Option<SegBox> {
    let options = OptionSet(front.options & !(config::SEG_DATA_CHECKSUMMED as u8));
    let option_len = options.len(Some(pcb));
    let remainder = front.len - len;
    let mut p = Pbuf::alloc(Layer::Transport, remainder.checked_add(option_len)?)?;
    if !rod::copy_front(pcb, p.first_mut().get_mut(usize::from(option_len)..)?, len) {
        return None;
    }
    #[cfg(tcp_checksum_on_copy)]
    let sum = crate::ffi::pbuf::sum_tail(&p, remainder);
    #[cfg(not(tcp_checksum_on_copy))]
    let sum = Checksum::default();
    let flags = front.flags.only(Flags::PSH | Flags::FIN);
    SegBox::create(p, &header(pcb, front.seq + u32::from(len), flags, option_len), options.0, sum)
}
