//! lwIP's PCB lists: real lists, linked through `next`, that C reads.

use super::{Core, Endpoint, List, Listener, Pcb, index, load, store};
use crate::ffi::bindings::{tcp_pcb, tcp_pcb_listen};

impl Core {
    /// Puts a PCB that is on no list in front of one (TCP_REG). On the lists of active and TIME-WAIT PCBs its tuple is
    /// complete.
    pub(crate) fn register(&self, list: List, pcb: Pcb<'_>) {
        // SAFETY: (live), (lock): heads and links of lists are only changed here and below.
        let old = unsafe {
            let old = list.head().replace(pcb.as_ptr());
            store(&raw mut (*pcb.as_ptr()).next, old);
            old
        };
        self.on_change(list, old);
        if matches!(list, List::Active | List::TimeWait) {
            index::insert(self, pcb);
        }
        self.timer_needed();
    }

    /// The list started with `old` until now.
    fn on_change(&self, list: List, old: *mut tcp_pcb) {
        // SAFETY: (lock); the head of a list.
        index::on_change(list, old, unsafe { *list.head() });
        if list == List::Active {
            self.set_active_pcbs_changed(1);
        }
    }

    /// There is a PCB, or listener, that a list has linked at `ptr`: it does not end there.
    #[inline(always)]
    pub(super) fn is_linked(&self, list: List, ptr: *const tcp_pcb) -> bool {
        if cfg!(memp_mem_malloc) && list != List::Listen { self.find(ptr).is_some() } else { !ptr.is_null() }
    }

    /// Takes a PCB off a list, if it is on it (TCP_RMV).
    #[inline(always)]
    pub(crate) fn unregister(&self, list: List, pcb: Pcb<'_>) {
        index::remove(pcb);
        self.unlink(list, pcb.as_ptr());
    }

    /// Takes the PCB, or listener, at an address off a list; false if it is not on it.
    #[inline(never)]
    pub(super) fn unlink(&self, list: List, ptr: *const tcp_pcb) -> bool {
        // SAFETY: (listed), (lock): `link` is the head of the list or the `next` of a PCB in it, which is where that of a listener is.
        unsafe {
            let mut link = list.head();
            let old = *link;
            loop {
                let other = load(link);
                if !self.is_linked(list, other) {
                    return false;
                }
                let next = &raw mut (*other).next;
                if core::ptr::eq(other, ptr) {
                    store(link, load(next));
                    store(next, core::ptr::null_mut());
                    self.on_change(list, old);
                    return true;
                }
                link = next;
            }
        }
    }

    /// Where the first PCB of a list is.
    #[inline]
    pub(crate) fn head(&self, list: List) -> *mut tcp_pcb {
        // SAFETY: under (lock).
        unsafe { *list.head() }
    }

    /// The first PCB of a list, other than that of listeners, that is the one.
    pub(crate) fn find_in<'c>(&'c self, list: List, mut is_it: impl FnMut(Pcb<'c>) -> bool) -> Option<Pcb<'c>> {
        let mut next = self.find(self.head(list));
        while let Some(pcb) = next {
            if is_it(pcb) {
                break;
            }
            next = pcb.following();
        }
        next
    }

    /// The first PCB that is the one, in a list from `first` on, which is not that of listeners.
    pub(crate) fn find_from<'c>(&'c self, first: List, is_it: impl Fn(Pcb<'c>) -> bool) -> Option<Pcb<'c>> {
        first.onward().find_map(|list| self.find_in(list, &is_it))
    }

    /// There is such a listener or PCB in a list up to `last`.
    pub(crate) fn has_endpoint(&self, last: List, mut is_it: impl FnMut(Endpoint<'_>) -> bool) -> bool {
        for list in List::Listen.onward() {
            let mut next = self.head(list);
            while let Some(endpoint) = self.endpoint_in(list, next) {
                if is_it(endpoint) {
                    return true;
                }
                next = endpoint.next();
            }
            if list == last {
                break;
            }
        }
        false
    }

    /// What a list has at `ptr`.
    fn endpoint_in(&self, list: List, ptr: *mut tcp_pcb) -> Option<Endpoint<'_>> {
        if list == List::Listen {
            // SAFETY: under (lock): the list links living listeners only.
            unsafe { Listener::from_raw(ptr.cast()) }.map(|listener| *listener)
        } else {
            self.find(ptr).map(Pcb::endpoint)
        }
    }

    /// The first listener that is the one.
    pub(crate) fn find_listener_by<'c>(&'c self, mut is_it: impl FnMut(Listener<'c>) -> bool) -> Option<Listener<'c>> {
        // SAFETY: under (lock): the list links living listeners only.
        let mut next = unsafe { Listener::from_raw(*List::Listen.head().cast::<*mut tcp_pcb_listen>()) };
        while let Some(listener) = next {
            if is_it(listener) {
                break;
            }
            next = listener.following();
        }
        next
    }

    /// The listener at an address that C gave us, if there is one.
    #[inline(never)]
    pub(crate) fn find_listener(&self, ptr: *const tcp_pcb_listen) -> Option<Listener<'_>> {
        self.find_listener_by(|listener| core::ptr::eq(listener.as_ptr(), ptr))
    }

    /// Puts a listener in front.
    pub(super) fn register_listener(&self, listener: Listener<'_>) {
        // SAFETY: under (lock); a listener that is on no list.
        unsafe {
            let head = List::Listen.head();
            store(&raw mut (*listener.as_ptr()).next, (*head).cast::<tcp_pcb_listen>());
            *head = listener.as_ptr().cast::<tcp_pcb>();
        }
        self.timer_needed();
    }

    /// Moves a listener to the front: the next segment is likely for it again.
    pub(crate) fn prefer_listener(&self, listener: Listener<'_>) -> bool {
        // SAFETY: under (lock).
        let is_first = unsafe { core::ptr::eq(*List::Listen.head().cast::<*mut tcp_pcb_listen>(), listener.as_ptr()) };
        if !is_first {
            self.unlink(List::Listen, listener.as_ptr().cast());
            // SAFETY: as in `register_listener`.
            unsafe {
                let head = List::Listen.head();
                store(&raw mut (*listener.as_ptr()).next, (*head).cast::<tcp_pcb_listen>());
                *head = listener.as_ptr().cast::<tcp_pcb>();
            }
        }
        is_first
    }
}
