//! What recovery and congestion control remember beside a PCB: of the fields in the table, those that a controller has the room of
//! another for.

use super::*;
use crate::components::congestion_control::NewReno;

/// What a connection remembers for its congestion controller. Controllers that reduce cwnd at a loss have the same to remember about
/// that, beside what is their own; BBR, which does not, has a model of the path in the same place. Of this enum all zero is
/// the first.
#[derive(Clone, Copy)]
#[cfg_attr(cc_choice, repr(u8))]
pub(in crate::pcb) enum Room {
    NewReno(Reducing, NewReno),
    #[cfg(cubic)]
    Cubic(Reducing, crate::components::congestion_control::Cubic),
    #[cfg(bbr)]
    Bbr(crate::components::congestion_control::Bbr),
}

impl Room {
    pub(super) const NEW: Self = Self::NewReno(Reducing::NEW, NewReno::NEW);

    #[inline]
    fn reducing(&mut self) -> Option<&mut Reducing> {
        match self {
            Self::NewReno(reducing, _) => Some(reducing),
            #[cfg(cubic)]
            Self::Cubic(reducing, _) => Some(reducing),
            #[cfg(bbr)]
            Self::Bbr(_) => None,
        }
    }
}

/// Fields of the table beside the PCBs that only controllers have use for that reduce cwnd at a loss: with another one they read as
/// zero, and setting them has no effect.
macro_rules! reducing {
    ($( $component:ident if $cfg:tt { $( $(#[$meta:meta])* $field:ident: $ty:ty, $set:ident; )* } )*) => {
        /// See the table in the source.
        #[derive(Clone, Copy)]
        pub(in crate::pcb) struct Reducing {
            $($( #[cfg $cfg] $(#[$meta])* $field: $ty, )*)*
        }

        impl Reducing {
            const NEW: Self = Self { $($( #[cfg $cfg] $field: <$ty as Zero>::ZERO, )*)* };
        }

        $($(
            #[cfg $cfg]
            impl Pcb<'_> {
                $(#[$meta])*
                #[inline]
                pub(crate) fn $field(self) -> $ty {
                    // SAFETY: (live): its entry is in the table; (lock), and nobody is called while the reference lives.
                    let room = unsafe { &mut (*self.entry.as_ptr()).beside.room };
                    room.reducing().map_or(<$ty as Zero>::ZERO, |reducing| reducing.$field)
                }
            }
            #[cfg $cfg]
            impl Own<'_, $component> {
                /// Sets the field of the same name.
                #[inline]
                pub(crate) fn $set(&self, value: $ty) {
                    // SAFETY: as above.
                    let room = unsafe { &mut (*self.pcb.entry.as_ptr()).beside.room };
                    if let Some(reducing) = room.reducing() {
                        reducing.$field = value;
                    }
                }
            }
        )*)*
    };
}

reducing! {
    Rod if (all()) {
        /// Proportional Rate Reduction (RFC 6937 3): RecoverFS,
        prr_flight: u32, set_prr_flight;
        /// prr_delivered,
        prr_delivered: u32, set_prr_delivered;
        /// prr_out,
        prr_out: u32, set_prr_out;
        /// and sndcnt, less what was sent since.
        prr_quota: u32, set_prr_quota;
    }
    CongestionControl if (all()) {
        /// cwnd before the last reduction,
        prior_cwnd: Wnd, set_prior_cwnd;
        /// and ssthresh.
        prior_ssthresh: Wnd, set_prior_ssthresh;
    }
}

#[cfg(cc_state)]
use crate::components::congestion_control::Control;

#[cfg(cc_state)]
impl Pcb<'_> {
    /// The algorithm, and what it remembers for itself.
    #[inline]
    pub(crate) fn control(self) -> Control {
        // SAFETY: (live): its entry is in the table; (lock), and nobody is called while the reference lives.
        match unsafe { &(*self.entry.as_ptr()).beside.room } {
            Room::NewReno(_, newreno) => Control::NewReno(*newreno),
            #[cfg(cubic)]
            Room::Cubic(_, cubic) => Control::Cubic(*cubic),
            #[cfg(bbr)]
            Room::Bbr(bbr) => Control::Bbr(*bbr),
        }
    }
}

#[cfg(cc_state)]
impl Own<'_, CongestionControl> {
    /// Sets what the algorithm remembers, or another algorithm: what both have to remember stays.
    #[inline]
    pub(crate) fn set_control(&self, control: Control) {
        // SAFETY: as in `Pcb::control`.
        let room = unsafe { &mut (*self.pcb.entry.as_ptr()).beside.room };
        match (&mut *room, control) {
            (Room::NewReno(_, newreno), Control::NewReno(new)) => *newreno = new,
            #[cfg(cubic)]
            (Room::Cubic(_, cubic), Control::Cubic(new)) => *cubic = new,
            #[cfg(bbr)]
            (Room::Bbr(bbr), Control::Bbr(new)) => *bbr = new,
            #[cfg(bbr)]
            (_, Control::Bbr(new)) => *room = Room::Bbr(new),
            #[cfg(cubic)]
            (_, Control::Cubic(new)) => *room = Room::Cubic(room.reducing().map_or(Reducing::NEW, |kept| *kept), new),
            #[cfg(cc_choice)]
            (_, Control::NewReno(new)) => {
                *room = Room::NewReno(room.reducing().map_or(Reducing::NEW, |kept| *kept), new)
            }
        }
    }
}

/// When what was sent (RFC 8985 5.1, in little room).
#[cfg(rack)]
impl Own<'_, Rod> {
    fn log(&self) -> *mut SendLog {
        // SAFETY: (live): its entry is in the table.
        unsafe { &raw mut (*self.pcb.entry.as_ptr()).beside.log }
    }

    /// See [`SendLog::on_sent`].
    pub(crate) fn log_sent(&self, start: SeqNum, end: SeqNum, time: u16, delivered: u32) {
        // SAFETY: (live), (lock): no other reference to it exists; the method calls nobody.
        unsafe { (*self.log()).on_sent(start, end, time, delivered) }
    }

    /// See [`SendLog::on_sent_again`].
    pub(crate) fn log_sent_again(&self, end: SeqNum, time: u16) {
        let next = self.snd_nxt();
        // SAFETY: as above.
        unsafe { (*self.log()).on_sent_again(end, next, time) }
    }

    /// See [`SendLog::time_of`].
    pub(crate) fn time_sent(&self, end: SeqNum, again: bool) -> Option<crate::components::rod::Sent> {
        // SAFETY: as above.
        unsafe { (*self.log()).time_of(end, again) }
    }

    /// See [`SendLog::on_acked`].
    pub(crate) fn log_acked(&self) {
        let (una, all) = (self.lastack(), self.lastack() == self.snd_nxt());
        // SAFETY: as above.
        unsafe { (*self.log()).on_acked(una, all) }
    }

    /// See [`SendLog::is_exact`].
    pub(crate) fn is_exact(&self, end: SeqNum) -> bool {
        // SAFETY: as above.
        unsafe { (*self.log()).is_exact(end) }
    }

    /// See [`SendLog::last_sent`].
    pub(crate) fn last_sent(&self) -> Option<u16> {
        // SAFETY: as above.
        unsafe { (*self.log()).last_sent() }
    }

    /// See [`SendLog::state_when_sent`].
    pub(crate) fn state_when_sent(&self, end: SeqNum) -> Option<(u16, Coarse)> {
        // SAFETY: as above.
        unsafe { (*self.log()).state_when_sent(end) }
    }
}
