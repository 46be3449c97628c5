//! lwIP's PCB lists: real lists, linked through `next`, that C reads.

use super::{Core, List, Listener, Pcb, index, load, store};
use crate::ffi::bindings::{tcp_pcb, tcp_pcb_listen};

impl Core {
    /// Puts a PCB that is on no list in front of one (TCP_REG). On the lists of active and TIME-WAIT PCBs its tuple is
    /// complete.
    pub(crate) fn register(&self, list: List, pcb: Pcb<'_>) {
        index::before_change(self);
        // SAFETY: (live), (lock): heads and links of lists are only changed here and below.
        unsafe {
            let head = list.head();
            store(&raw mut (*pcb.as_ptr()).next, *head);
            *head = pcb.as_ptr();
        }
        if matches!(list, List::Active | List::TimeWait) {
            index::insert(self, pcb);
        }
        self.changed(list);
        self.timer_needed();
    }

    /// Takes a PCB off a list, if it is on it (TCP_RMV).
    pub(crate) fn unregister(&self, list: List, pcb: Pcb<'_>) {
        index::before_change(self);
        index::remove(pcb);
        // SAFETY: (live), (lock): `next` of a listed PCB is null or a listed PCB.
        unsafe {
            let mut link = list.head();
            while !load(link).is_null() {
                if load(link) == pcb.as_ptr() {
                    store(link, pcb.next());
                    break;
                }
                link = &raw mut (*load(link)).next;
            }
            store(&raw mut (*pcb.as_ptr()).next, core::ptr::null_mut());
        }
        self.changed(list);
    }

    fn changed(&self, list: List) {
        if list == List::Active {
            self.set_active_pcbs_changed(1);
        }
        index::agree();
    }

    /// The first PCB of a list other than that of listeners.
    pub(crate) fn first(&self, list: List) -> Option<Pcb<'_>> {
        // SAFETY: under (lock).
        self.find(unsafe { *list.head() })
    }

    /// All PCBs of a list other than that of listeners.
    pub(crate) fn iter(&self, list: List) -> impl Iterator<Item = Pcb<'_>> {
        core::iter::successors(self.first(list), |pcb| pcb.following())
    }

    /// All listeners.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = Listener<'_>> {
        // SAFETY: under (lock): the list links living listeners only.
        let first = unsafe { Listener::from_raw(*List::Listen.head().cast::<*mut tcp_pcb_listen>()) };
        core::iter::successors(first, |listener| listener.following())
    }

    /// The listener at an address that C gave us, if there is one.
    pub(crate) fn find_listener(&self, ptr: *const tcp_pcb_listen) -> Option<Listener<'_>> {
        self.listeners().find(|listener| core::ptr::eq(listener.as_ptr(), ptr))
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

    /// Takes a listener off its list.
    pub(super) fn unregister_listener(&self, listener: Listener<'_>) {
        // SAFETY: as in `unregister`.
        unsafe {
            let mut link = List::Listen.head().cast::<*mut tcp_pcb_listen>();
            while !load(link).is_null() {
                let current = load(link);
                if current == listener.as_ptr() {
                    store(link, load(&raw const (*current).next));
                    break;
                }
                link = &raw mut (*current).next;
            }
        }
    }

    /// Moves a listener to the front: the next segment is likely for it again.
    pub(crate) fn prefer_listener(&self, listener: Listener<'_>) -> bool {
        // SAFETY: under (lock).
        let is_first = unsafe { core::ptr::eq(*List::Listen.head().cast::<*mut tcp_pcb_listen>(), listener.as_ptr()) };
        if !is_first {
            self.unregister_listener(listener);
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
