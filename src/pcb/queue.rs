//! Queues of segments: lwIP's singly linked lists, with the pointers hidden.

use super::fields::Own;
use super::segment::free_chain;
use super::{Pcb, Seg, SegBox, get, load, set, store};
use crate::components::rod::Owner as Rod;
use crate::ffi::bindings::tcp_seg;
use core::marker::PhantomData;

/// `unsent` or `unacked`: in the order of sequence numbers, appended to in O(1) with the help of the last segment's
/// address beside the PCB, which is valid while the queue is not empty.
pub(crate) struct SegQueue<'q> {
    head: *mut *mut tcp_seg,
    tail: *mut *mut tcp_seg,
    /// Where the places in it are kept, or null: see [`walk`](Self::walk).
    #[cfg(sack_recovery)]
    kept: *mut Kept,
    _pcb: PhantomData<&'q mut ()>,
}

/// Places in a queue that later walks start from, behind a segment that is in it; null is in front of all.
#[cfg(sack_recovery)]
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// The segment that was marked last.
    marked: *mut tcp_seg,
    /// The last one that a walk visited before it was interrupted.
    visited: *mut tcp_seg,
}

#[cfg(sack_recovery)]
impl Kept {
    pub(super) const NEW: Self = Self { marked: core::ptr::null_mut(), visited: core::ptr::null_mut() };
}

/// A place in a queue: before a segment, or at the end.
pub(crate) struct Cursor<'q> {
    link: *mut *mut tcp_seg,
    previous: *mut tcp_seg,
    _queue: PhantomData<&'q mut ()>,
}

impl Own<'_, Rod> {
    /// Segments that are queued and were not sent, or are to be sent again.
    pub(crate) fn unsent(&mut self) -> SegQueue<'_> {
        self.unsent_and_unacked().0
    }

    /// Segments that were sent and not acknowledged.
    pub(crate) fn unacked(&mut self) -> SegQueue<'_> {
        self.unsent_and_unacked().1
    }

    /// Both.
    pub(crate) fn unsent_and_unacked(&mut self) -> (SegQueue<'_>, SegQueue<'_>) {
        let pcb: Pcb<'_> = **self;
        let entry = pcb.entry.as_ptr();
        // SAFETY: (live): addresses of fields.
        unsafe {
            (
                SegQueue {
                    head: &raw mut (*pcb.as_ptr()).unsent,
                    tail: &raw mut (*entry).beside.unsent_tail,
                    #[cfg(sack_recovery)]
                    kept: core::ptr::null_mut(),
                    _pcb: PhantomData,
                },
                SegQueue {
                    head: &raw mut (*pcb.as_ptr()).unacked,
                    tail: &raw mut (*entry).beside.unacked_tail,
                    #[cfg(sack_recovery)]
                    kept: &raw mut (*entry).beside.kept,
                    _pcb: PhantomData,
                },
            )
        }
    }

    /// The front of what was received out of sequence.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn ooseq(&mut self) -> Cursor<'_> {
        let pcb: Pcb<'_> = **self;
        // SAFETY: (live): the address of a field.
        Cursor { link: unsafe { &raw mut (*pcb.as_ptr()).ooseq }, previous: core::ptr::null_mut(), _queue: PhantomData }
    }
}

impl SegQueue<'_> {
    /// The first segment.
    pub(crate) fn front(&self) -> Option<Seg<'_>> {
        // SAFETY: (queue), (lock)
        unsafe { Seg::from_raw(load(self.head)) }
    }

    /// The last one.
    pub(crate) fn back(&self) -> Option<Seg<'_>> {
        // SAFETY: (queue), (lock): where there is a first segment there is a last one, and its address is right.
        self.front().map(|_| unsafe { Seg::from_raw(self.tail.read()).unwrap_unchecked() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.front().is_none()
    }

    /// The queue has exactly one segment.
    pub(crate) fn is_single(&self) -> bool {
        // SAFETY: (queue), (lock)
        self.front().is_some_and(|seg| unsafe { load(&raw const (*seg.as_ptr()).next).is_null() })
    }

    /// All segments, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Seg<'_>> {
        // SAFETY: (queue), (lock)
        core::iter::successors(self.front(), |seg| unsafe { Seg::from_raw(load(&raw const (*seg.as_ptr()).next)) })
    }

    /// Appends one.
    pub(crate) fn push_back(&mut self, seg: SegBox) {
        let last = self.back().map(Seg::as_ptr);
        let seg = seg.into_raw();
        // SAFETY: (queue), (lock): the segment is ours alone.
        unsafe {
            store(&raw mut (*seg).next, core::ptr::null_mut());
            match last {
                Some(last) => store(&raw mut (*last).next, seg),
                None => store(self.head, seg),
            }
            self.tail.write(seg);
        }
    }

    /// Prepends one.
    pub(crate) fn push_front(&mut self, seg: SegBox) {
        let was_empty = self.is_empty();
        let seg = seg.into_raw();
        // SAFETY: (queue), (lock): the segment is ours alone.
        unsafe {
            store(&raw mut (*seg).next, load(self.head));
            store(self.head, seg);
            if was_empty {
                self.tail.write(seg);
            }
        }
    }

    /// Takes the first one.
    pub(crate) fn pop_front(&mut self) -> Option<SegBox> {
        // SAFETY: (queue), (lock): it is in no queue from here on.
        unsafe {
            let seg = SegBox::from_raw(load(self.head))?;
            store(self.head, load(&raw const (*seg.seg().as_ptr()).next));
            #[cfg(sack_recovery)]
            self.on_removed(seg.seg().as_ptr(), core::ptr::null_mut());
            Some(seg)
        }
    }

    /// A segment leaves the queue: its address is kept no longer, and a walk goes on behind the one before it, which is null at the
    /// front.
    #[cfg(sack_recovery)]
    fn on_removed(&mut self, seg: *mut tcp_seg, previous: *mut tcp_seg) {
        if self.kept.is_null() {
            return;
        }
        // SAFETY: (live): the place is in the entry of the PCB, under (lock).
        unsafe {
            if core::ptr::eq((*self.kept).marked, seg) {
                (*self.kept).marked = core::ptr::null_mut();
            }
            if core::ptr::eq((*self.kept).visited, seg) {
                (*self.kept).visited = previous;
            }
        }
    }

    /// All segments leave the queue.
    #[cfg(sack_recovery)]
    fn on_emptied(&mut self) {
        if !self.kept.is_null() {
            // SAFETY: as above.
            unsafe { self.kept.write(Kept::NEW) };
        }
    }

    /// Puts one where its sequence number belongs: before the first that does not start before it.
    #[inline(always)]
    pub(crate) fn insert(&mut self, seg: SegBox) {
        // SAFETY: (queue): the two are those of a queue, which is borrowed.
        unsafe { insert(self.head, self.tail, seg) }
    }

    /// Puts one behind the first, of which `make` makes it. Says whether it is the last one then; none if none was made.
    pub(crate) fn insert_second(&mut self, make: impl FnOnce(Seg<'_>) -> Option<SegBox>) -> Option<bool> {
        let first = self.front()?;
        let seg = make(first)?.into_raw();
        // SAFETY: (queue), (lock): the segment is ours alone, and the first one has stayed where it was.
        unsafe {
            let next = get!(first.as_ptr(), next);
            set!(seg, next, next);
            set!(first.as_ptr(), next, seg);
            if next.is_null() {
                self.tail.write(seg);
            }
            Some(next.is_null())
        }
    }

    /// Takes over all of `other`; this one has to be empty.
    pub(crate) fn take_over(&mut self, other: &mut SegQueue<'_>) {
        // SAFETY: (queue), (lock): the segments change the queue all together.
        unsafe {
            store(self.head, load(other.head));
            self.tail.write(other.tail.read());
            store(other.head, core::ptr::null_mut());
            #[cfg(sack_recovery)]
            other.on_emptied();
        }
    }

    /// Frees all.
    pub(crate) fn clear(&mut self) {
        #[cfg(sack_recovery)]
        self.on_emptied();
        // SAFETY: (queue), (lock): all segments leave the queue, and are ours then.
        unsafe {
            let first = load(self.head);
            store(self.head, core::ptr::null_mut());
            free_chain(first);
        }
    }
}

/// See [`SegQueue::insert`]: a function of plain addresses, so that no queue has to lie in memory for it.
///
/// # Safety
/// `head` and `tail` are those of a queue that nobody else uses meanwhile (queue).
#[cfg_attr(small, inline(never))]
unsafe fn insert(head: *mut *mut tcp_seg, tail: *mut *mut tcp_seg, seg: SegBox) {
    let mut queue = SegQueue {
        head,
        tail,
        #[cfg(sack_recovery)]
        kept: core::ptr::null_mut(),
        _pcb: PhantomData,
    };
    let seq = seg.seg().seq();
    match queue.back() {
        Some(last) if seq.lt(last.seq()) => {}
        _ => return queue.push_back(seg),
    }
    let mut cursor = Cursor { link: head, previous: core::ptr::null_mut(), _queue: PhantomData };
    while cursor.current().is_some_and(|other| other.seq().lt(seq)) {
        cursor.advance();
    }
    cursor.insert(seg);
}

impl Cursor<'_> {
    /// The segment at this place.
    pub(crate) fn current(&self) -> Option<Seg<'_>> {
        // SAFETY: (queue), (lock): `link` is the head of a queue or the `next` of a segment in it.
        unsafe { Seg::from_raw(load(self.link)) }
    }

    /// Another one at the same place, to be used until this one is.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn here(&mut self) -> Cursor<'_> {
        Cursor { link: self.link, previous: self.previous, _queue: PhantomData }
    }

    /// The one before it, if the cursor has passed one.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn previous(&self) -> Option<Seg<'_>> {
        // SAFETY: (queue), (lock)
        unsafe { Seg::from_raw(self.previous) }
    }

    /// One on, unless at the end.
    pub(crate) fn advance(&mut self) {
        // SAFETY: as in `current`.
        unsafe {
            let current = load(self.link);
            if !current.is_null() {
                self.previous = current;
                self.link = &raw mut (*current).next;
            }
        }
    }

    /// Puts a segment here: it is the current one then.
    pub(crate) fn insert(&mut self, seg: SegBox) {
        let seg = seg.into_raw();
        // SAFETY: as in `current`; the segment is ours alone.
        unsafe {
            store(&raw mut (*seg).next, load(self.link));
            store(self.link, seg);
        }
    }

    /// Takes the current segment out: the next is the current one then.
    #[cfg(tcp_queue_ooseq)]
    pub(crate) fn remove(&mut self) -> Option<SegBox> {
        // SAFETY: as in `current`; it is in no queue from here on.
        unsafe {
            let seg = SegBox::from_raw(load(self.link))?;
            store(self.link, load(&raw const (*seg.seg().as_ptr()).next));
            Some(seg)
        }
    }

    /// Frees everything from here on.
    #[cfg(tcp_queue_ooseq)]
    #[inline]
    pub(crate) fn truncate(&mut self) {
        // SAFETY: as in `current`; the segments leave the queue, and are ours then.
        unsafe {
            let first = load(self.link);
            store(self.link, core::ptr::null_mut());
            free_chain(first);
        }
    }
}

/// What becomes of a segment that [`transfer`] comes by.
#[cfg(sack_recovery)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// It stays.
    Leave,
    /// It goes over.
    Take,
    /// It stays, and so do all behind it.
    Stop,
}

/// Moves those segments from one queue to another that `pick` says, to where their sequence numbers belong; `on_move` gets each
/// before it goes. Each queue is walked once, the other one as far as the last place that is needed: if more than `most` segments
/// come before that, it ends there.
#[cfg(sack_recovery)]
pub(crate) fn transfer(
    from: &mut SegQueue<'_>,
    to: &mut SegQueue<'_>,
    most: u32,
    mut pick: impl FnMut(Seg<'_>) -> Pick,
    mut on_move: impl FnMut(Seg<'_>),
) {
    let (mut link, mut previous, mut target) = (from.head, core::ptr::null_mut::<tcp_seg>(), to.head);
    let mut left = most;
    // SAFETY: (queue), (lock): the links of both queues are valid and end with null; a segment changes the queue whole, and the
    // address of the last one is kept right for both.
    unsafe {
        while let Some(seg) = Seg::from_raw(load(link)) {
            match pick(seg) {
                Pick::Stop => return,
                Pick::Leave => {
                    previous = seg.as_ptr();
                    link = &raw mut (*previous).next;
                }
                Pick::Take => {
                    while let Some(other) = Seg::from_raw(load(target)).filter(|other| other.seq().lt(seg.seq())) {
                        if left == 0 {
                            return;
                        }
                        left -= 1;
                        target = &raw mut (*other.as_ptr()).next;
                    }
                    on_move(seg);
                    let raw = seg.as_ptr();
                    from.on_removed(raw, previous);
                    let next = load(&raw const (*raw).next);
                    store(link, next);
                    if next.is_null() {
                        from.tail.write(previous);
                    }
                    let behind = load(target);
                    store(&raw mut (*raw).next, behind);
                    store(target, raw);
                    if behind.is_null() {
                        to.tail.write(raw);
                    }
                    target = &raw mut (*raw).next;
                }
            }
        }
    }
}

/// Where a walk starts.
#[cfg(sack_recovery)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the first segment.
    Front,
    /// Where the last one was interrupted that was started here or at the front; at the first segment if none was.
    Interrupted,
    /// Behind the segment that was marked last, as long as it is in the queue, or else at the first.
    Marked,
}

/// Where a walk goes on from a segment.
#[cfg(sack_recovery)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// To the next one.
    On,
    /// To the next one, and this is the one that was marked last.
    Mark,
    /// Nowhere: it is done.
    Stop,
    /// Nowhere: it is interrupted, and this one is the next.
    Interrupt,
}

#[cfg(sack_recovery)]
impl SegQueue<'_> {
    /// Shows segments to `visit`, in order. Says whether that is done, up to the end or to a `Stop`. Only walks that do not start
    /// at the mark keep the place where they are interrupted.
    pub(crate) fn walk(&mut self, start: Start, mut visit: impl FnMut(Seg<'_>) -> Walk) -> bool {
        // SAFETY: (queue), (lock), (live): whatever takes a segment out of the queue sees to the places that are kept; the segments
        // stay where they are meanwhile.
        unsafe {
            let mut last = match start {
                Start::Interrupted if !self.kept.is_null() => (*self.kept).visited,
                Start::Marked if !self.kept.is_null() => (*self.kept).marked,
                _ => core::ptr::null_mut(),
            };
            let mut done = true;
            loop {
                let next = if last.is_null() { load(self.head) } else { load(&raw const (*last).next) };
                let Some(seg) = Seg::from_raw(next) else { break };
                match visit(seg) {
                    Walk::Stop => break,
                    Walk::Interrupt => {
                        done = false;
                        break;
                    }
                    Walk::Mark if !self.kept.is_null() => (*self.kept).marked = next,
                    Walk::Mark | Walk::On => {}
                }
                last = next;
            }
            if start != Start::Marked && !self.kept.is_null() {
                (*self.kept).visited = if done { core::ptr::null_mut() } else { last };
            }
            done
        }
    }

    /// The segment that was marked last, as long as it is in the queue.
    pub(crate) fn marked(&self) -> Option<Seg<'_>> {
        // SAFETY: as in `walk`.
        if self.kept.is_null() { None } else { unsafe { Seg::from_raw((*self.kept).marked) } }
    }
}

/// New segments on their way into a queue; dropping it frees them.
pub(crate) struct Chain {
    head: *mut tcp_seg,
    tail: *mut tcp_seg,
}

impl Drop for Chain {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: (queue): the segments are ours alone, linked and null-terminated.
        unsafe { free_chain(self.head) };
    }
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self { head: core::ptr::null_mut(), tail: core::ptr::null_mut() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    pub(crate) fn push_back(&mut self, seg: SegBox) {
        let seg = seg.into_raw();
        // SAFETY: (queue): all of them are ours alone; `tail` is the last one if there is any.
        unsafe {
            store(&raw mut (*seg).next, core::ptr::null_mut());
            if self.head.is_null() {
                self.head = seg;
            } else {
                store(&raw mut (*self.tail).next, seg);
            }
        }
        self.tail = seg;
    }
}

impl SegQueue<'_> {
    /// Appends a chain.
    pub(crate) fn append(&mut self, chain: Chain) {
        let chain = core::mem::ManuallyDrop::new(chain);
        if chain.is_empty() {
            return;
        }
        // SAFETY: (queue), (lock): the segments change the owner all together.
        unsafe {
            match self.back() {
                Some(last) => store(&raw mut (*last.as_ptr()).next, chain.head),
                None => store(self.head, chain.head),
            }
            self.tail.write(chain.tail);
        }
    }
}
