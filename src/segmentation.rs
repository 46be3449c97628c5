//! From octets to segments: tcp_write, splitting, and the segments of SYN and FIN.

#![forbid(unsafe_code)]

use crate::components::{connection_management as cm, flow_control, rod};
use crate::ffi::diagnostics::{Event, debug, tcp_stat};
use crate::ffi::pbuf::{AppData, Checksum, Layer, Pbuf};
use crate::ffi::{Error, Result, config};
use crate::output::OptionSet;
use crate::pcb::{Bit, Chain, Pcb, Seg, SegBox, State};
use crate::wire::{Flags, HEADER_LEN, Header, SeqNum};

/// The flags of tcp_write.
#[derive(Clone, Copy)]
pub(crate) struct WriteFlags(u8);

impl WriteFlags {
    /// As the application gives them.
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    #[cfg(test)]
    pub(crate) fn new(copy: bool, more: bool) -> Self {
        Self(u8::from(copy) | u8::from(more) << 1)
    }

    /// TCP_WRITE_FLAG_COPY: the octets are copied. With LWIP_NETIF_TX_SINGLE_PBUF they always are.
    fn copy(self) -> bool {
        self.0 & 1 != 0 || cfg!(lwip_netif_tx_single_pbuf)
    }

    /// TCP_WRITE_FLAG_MORE: more will follow, do not push.
    pub(crate) fn more(self) -> bool {
        self.0 & 2 != 0
    }
}

/// The longest send queue, in pbufs.
const MAX_QUEUE: u32 = if config::TCP_SND_QUEUELEN < 0xfffc { config::TCP_SND_QUEUELEN } else { 0xfffc };

/// What tcp_write is going to do, allocated and filled, but not done yet: until everything is there, the connection is
/// as it was, so that a failure has no effect.
struct Plan {
    /// What goes on where the last segment ends.
    grow: AppData,
    /// One more pbuf, for the last segment.
    append: Option<(Pbuf, Checksum)>,
    /// How many octets that is together.
    done: u32,
    /// New segments.
    chain: Chain,
    /// The pbufs of the queue, with these.
    queued: u32,
    /// Room that will be left behind the last segment.
    oversize: u32,
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
    if len > pcb.snd_buf().into() {
        rod::set_memory_error(pcb, true);
        return Err(Error::MEM);
    }
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
    carry_out(pcb, plan, data, flags);
    flow_control::on_send_buffer_used(pcb, len);
    debug(Event::SendQueue, pcb.snd_queuelen().into(), pcb.snd_buf().into());
    Ok(())
}

/// Segments, of which options take `option_len`, are kept to half the largest window that the peer has offered: it could
/// not take more than one otherwise. A window too small even for that does not count.
fn segment_size(pcb: Pcb<'_>, option_len: u32) -> u32 {
    let half = u32::from(pcb.snd_wnd_max()) / 2;
    let mss = u32::from(pcb.mss());
    let size = if half > option_len { mss.min(half) } else { mss };
    // The MSS is never 0; one that leaves no room behind the options is no reason to stand still.
    if option_len > 0 { size.max(option_len + 1) } else { size }
}

/// As large as a segment may be that finds out what the path takes: the one that is queued for that already, as long as it is the
/// last, or, when it is time for one, the next. 0: none may be.
fn path_probe(pcb: Pcb<'_>, last: Option<&rod::LastUnsent>, size: u32) -> u32 {
    #[cfg(path_mtu)]
    {
        let larger = last.is_some_and(|last| taken_by(pcb, last) > size);
        if larger && cm::pmtu::is_probing(pcb) {
            return cm::pmtu::next_size(pcb).into();
        }
        cm::pmtu::probe_size(pcb).unwrap_or(0).into()
    }
    #[cfg(not(path_mtu))]
    {
        let _ = (pcb, last, size);
        0
    }
}

impl Plan {
    /// How large the segment behind one of `len` octets may be: only one may be larger than `size`.
    fn next(&mut self, len: u32, most: u32, size: u32) -> u32 {
        #[cfg(path_mtu)]
        if most > size && len > size {
            self.probes = true;
            return size;
        }
        let _ = (len, size);
        most
    }
}

fn plan(pcb: Pcb<'_>, data: AppData, flags: WriteFlags) -> core::result::Result<Plan, Shortage> {
    let options = OptionSet::of_connection(pcb);
    let option_len = u32::from(options.len(Some(pcb)));
    let size = segment_size(pcb, option_len);
    let mut plan = Plan {
        grow: data.split(0).0,
        append: None,
        done: 0,
        chain: Chain::new(),
        queued: pcb.snd_queuelen().into(),
        oversize: 0,
        #[cfg(path_mtu)]
        probes: false,
    };
    // One segment more than any other may grow larger than they are, if it is time to probe the path.
    let last = rod::last_unsent(pcb);
    let mut most = size.max(path_probe(pcb, last.as_ref(), size));
    if let Some(last) = last {
        plan_last(pcb, &mut plan, last, most, data, flags).ok_or(Shortage::Memory)?;
        most = plan.next(u32::from(last.len) + plan.done + option_len, most, size);
    }
    while plan.done < data.len() {
        let (piece, _) = data.behind(plan.done).split(most - option_len);
        let behind = !plan.chain.is_empty();
        let Allocated { p, spare, sum } =
            allocate(pcb, Layer::Transport, piece, most, behind, flags).ok_or(Shortage::Memory)?;
        let seq = pcb.snd_lbb() + plan.done;
        plan.chain.push_back(new_segment(pcb, Some(p), seq, Flags::NONE, options, sum).ok_or(Shortage::Memory)?);
        most = plan.next(piece.len() + option_len, most, size);
        plan.oversize = spare;
        plan.done += piece.len();
        // What is copied lies in one pbuf with the headers, what is referred to in one behind them.
        plan.queued += if flags.copy() { 1 } else { 2 };
        if plan.queued > MAX_QUEUE {
            return Err(Shortage::Queue);
        }
    }
    Ok(plan)
}

/// Octets of data and options in the last unsent segment.
fn taken_by(pcb: Pcb<'_>, last: &rod::LastUnsent) -> u32 {
    u32::from(last.len) + u32::from(OptionSet(last.options).len(Some(pcb)))
}

/// What of `data` the last unsent segment takes, which may be as long as `size`.
fn plan_last(
    pcb: Pcb<'_>,
    plan: &mut Plan,
    last: rod::LastUnsent,
    size: u32,
    data: AppData,
    flags: WriteFlags,
) -> Option<()> {
    let space = size.saturating_sub(taken_by(pcb, &last));
    let oversize = u32::from(rod::oversize(pcb));
    let (fill, left) = data.split(space.min(oversize));
    plan.grow = fill;
    plan.done = fill.len();
    plan.oversize = oversize - fill.len();
    let (piece, _) = left.split(space - fill.len());
    if cfg!(lwip_netif_tx_single_pbuf) || piece.len() == 0 || last.len == 0 {
        return Some(());
    }
    plan.done += piece.len();
    if !flags.copy() && fill.len() == 0 && rod::is_continued_by(pcb, piece) {
        plan.grow = data.split(space).0;
        return Some(());
    }
    let Allocated { p, spare, sum } = allocate(pcb, Layer::Raw, piece, space - fill.len(), true, flags)?;
    plan.append = Some((p, sum));
    plan.oversize = spare;
    plan.queued += 1;
    Some(())
}

fn carry_out(pcb: Pcb<'_>, plan: Plan, data: AppData, flags: WriteFlags) {
    #[cfg(path_mtu)]
    if plan.probes {
        cm::pmtu::on_probe_queued(pcb);
    }
    let Plan { grow, append, chain, queued, oversize, .. } = plan;
    let new = rod::NewData { len: data.len(), grow, append, chain, queued, oversize, push: !flags.more() };
    rod::on_data_queued(pcb, new);
}

/// A segment of what `p` holds, options and data, if there was memory for that.
#[cfg_attr(small, inline(never))]
fn new_segment(
    pcb: Pcb<'_>,
    p: Option<Pbuf>,
    seq: SeqNum,
    flags: Flags,
    options: OptionSet,
    sum: Checksum,
) -> Option<SegBox> {
    let header = Header {
        src: pcb.local_port(),
        dst: pcb.remote_port(),
        seq,
        ack: SeqNum::new(0),
        len: HEADER_LEN + options.len(Some(pcb)),
        flags,
        wnd: 0,
    };
    SegBox::create(p?, &header, options.0, sum)
}

/// Data in pbufs, and the room that is left behind them.
struct Allocated {
    p: Pbuf,
    spare: u32,
    sum: Checksum,
}

/// A pbuf, or two, of `data`, a new segment's with room for options in front. A copy has room for more behind it, `max` octets in all,
/// if the application is likely to write more before it is sent (TCP_OVERSIZE). `behind`: others wait before it.
#[cfg_attr(small, inline(never))]
fn allocate(pcb: Pcb<'_>, layer: Layer, data: AppData, max: u32, behind: bool, flags: WriteFlags) -> Option<Allocated> {
    let (is_segment, option_len) = match layer {
        Layer::Transport => (true, OptionSet::of_connection(pcb).len(Some(pcb)).into()),
        Layer::Ip | Layer::Raw => (false, 0),
    };
    if !flags.copy() {
        let mut p = Pbuf::reference(data)?;
        if is_segment {
            let rest = core::mem::replace(&mut p, Pbuf::alloc(layer, option_len as u16)?);
            p.cat(rest);
        }
        return Some(Allocated { p, spare: 0, sum: data.sum() });
    }
    let len = option_len + data.len();
    #[cfg(tcp_oversize)]
    let spare = {
        let waits = || !pcb.has(Bit::NODELAY) && (behind || !pcb.unsent_is_empty() || !pcb.unacked_is_empty());
        if cfg!(lwip_netif_tx_single_pbuf) {
            max.saturating_sub(len)
        } else if len < max && (flags.more() || waits()) {
            oversized(len).min(max) - len
        } else {
            0
        }
    };
    #[cfg(not(tcp_oversize))]
    let spare = {
        let _ = (pcb, max, behind, flags);
        0
    };
    let mut p = Pbuf::alloc_with_spare(layer, len as u16, spare as u16)?;
    let sum = data.copy_to(p.first_mut().get_mut(option_len as usize..)?);
    Some(Allocated { p, spare, sum })
}

/// The length to allocate for `len` octets: no less than that.
#[cfg(tcp_oversize)]
fn oversized(len: u32) -> u32 {
    #[cfg(oversize_calc_length)]
    let wished = u32::from(crate::ffi::oversize_length(len as u16)).max(len);
    #[cfg(not(oversize_calc_length))]
    let wished = len + config::TCP_OVERSIZE;
    wished.next_multiple_of(config::MEM_ALIGNMENT)
}

/// tcp_enqueue_flags: queues a segment with SYN or FIN. ERR_MEM: no memory; nothing happened.
pub(crate) fn enqueue_flags(pcb: Pcb<'_>, flags: Flags) -> Result {
    let options = if flags.has(Flags::SYN) { OptionSet::of_syn(pcb) } else { OptionSet::of_connection(pcb) };
    let p = Pbuf::alloc(Layer::Transport, options.len(Some(pcb)));
    let Some(seg) = new_segment(pcb, p, pcb.snd_lbb(), flags, options, Checksum::default()) else {
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
    if rod::mark_fin_on_last(pcb) {
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
    if !rod::split_front(pcb, len, |front| split_off(pcb, front, len)) {
        tcp_stat!(memerr);
        return Err(Error::MEM);
    }
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

/// A segment with what is behind the first `len` octets of `front`, which has more, PSH and FIN included.
fn split_off(pcb: Pcb<'_>, front: Seg<'_>, len: u16) -> Option<SegBox> {
    let options = OptionSet(front.options());
    let option_len = options.len(Some(pcb));
    let remainder = front.len() - len;
    let mut p = Pbuf::alloc(Layer::Transport, remainder + option_len)?;
    if !front.copy_data(p.first_mut().get_mut(usize::from(option_len)..)?, len) {
        return None;
    }
    #[cfg(tcp_checksum_on_copy)]
    let sum = crate::ffi::pbuf::sum_tail(&p, remainder);
    #[cfg(not(tcp_checksum_on_copy))]
    let sum = Checksum::default();
    let flags = front.flags().only(Flags::PSH | Flags::FIN);
    new_segment(pcb, Some(p), front.seq() + u32::from(len), flags, options, sum)
}
