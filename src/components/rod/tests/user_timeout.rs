//! The user timeout in virtual time: a connection is given up when its time is over, not before, and by nothing else.

use super::*;
use crate::ffi::introspection::lwip_tcp_rust_set_user_timeout;
use crate::ffi::{Error, config};
use crate::pcb::List;
use crate::pcb::tests::app_data;
use crate::segmentation::{self, WriteFlags};
use crate::timer::fine;
use crate::wire::Flags;

const MSS: u16 = 100;
const MINUTE: u32 = 60_000;
const HOUR: u32 = 60 * MINUTE;

/// A connection that nobody answers, unless the test does.
struct Connection {
    bench: Bench,
    id: PcbId,
    start: u32,
    now: u32,
}

impl Connection {
    fn new(start: u32, timeout: u32) -> Self {
        let mut bench = bench();
        bench.memory.set_clock(start);
        let id = connected(&mut bench, MSS, SeqNum::new(0), SeqNum::new(u32::MAX - 500));
        let pcb = bench.core.get(id).expect("it lives");
        bench.core.register(List::Active, pcb);
        assert!(set_user_timeout(pcb, timeout));
        Self { bench, id, start, now: start }
    }

    fn pcb(&self) -> Pcb<'_> {
        self.bench.core.get(self.id).expect("it lives")
    }

    fn lives(&self) -> bool {
        self.bench.core.get(self.id).is_some()
    }

    /// Some octets are queued; the memory may be used up.
    fn write(&mut self, octets: u16) {
        let octets = &stream()[..usize::from(octets)];
        segmentation::write(self.pcb(), app_data(octets), WriteFlags::new(true, false)).ok();
        fine::update(&mut self.bench.core, self.id);
    }

    /// As output does it: there is no route.
    fn send(&mut self) {
        while let Some(seg) = take_front(self.pcb()) {
            let again = seg.seg().seq().lt(self.pcb().snd_nxt());
            on_timing(self.pcb(), seg.seg().seq(), self.now, !again);
            on_segment_sent(self.pcb(), seg);
        }
        fine::update(&mut self.bench.core, self.id);
    }

    /// One segment of those in flight is acknowledged. False if nothing is.
    fn ack_one(&mut self) -> bool {
        let end = own(self.pcb()).unacked().front().map(|seg| seg.end());
        if let Some(end) = end {
            on_new_ack(self.pcb(), end);
            fine::update(&mut self.bench.core, self.id);
        }
        end.is_some()
    }

    fn is_waiting(&self) -> bool {
        !(self.pcb().unacked_is_empty() && self.pcb().unsent_is_empty())
    }

    /// Time goes by, and with it all timers at their time; until the connection ends, or for so long. For how long it was.
    fn wait(&mut self, ms: u32) -> u32 {
        let mut gone = 0;
        while self.lives() && gone < ms {
            let due = self.bench.core.first_deadline().map_or(u32::MAX, |due| due.wrapping_sub(self.now).max(1));
            let step = if due as i32 <= 0 { 1 } else { due }.min(ms - gone);
            gone += step;
            self.now = self.now.wrapping_add(step);
            self.bench.memory.set_clock(self.now);
            self.bench.core.set_ticks(1 + self.now.wrapping_sub(self.start) / config::TCP_SLOW_INTERVAL);
            fine::on_fast_timer(&mut self.bench.core);
        }
        gone
    }

    fn finish(self) {
        self.bench.finish(self.id);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(u16),
    Send,
    Ack,
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1u16..300).prop_map(Step::Write),
        2 => Just(Step::Send),
        3 => Just(Step::Ack),
        3 => (1u32..4000).prop_map(Step::Wait),
    ]
}

proptest! {
    /// RFC 9293 3.8.3, RFC 5482: the connection ends when what was queued has been waiting for so long, to the millisecond,
    /// whether it was sent or not; each acknowledgment of something new gives it as much time again, and while nothing waits it lives
    /// on. Across the wrap of the clock.
    #[test]
    fn ends_when_its_time_is_over(start: u32, timeout in 1u32..6000, steps in proptest::collection::vec(step(), 1..60)) {
        let mut connection = Connection::new(start, timeout);
        let mut waiting = None;
        for step in steps {
            match step {
                Step::Write(octets) => connection.write(octets),
                Step::Send => connection.send(),
                Step::Ack => {
                    if connection.ack_one() {
                        waiting = None;
                    }
                }
                Step::Wait(ms) => {
                    let left = waiting.map_or(u32::MAX, |waited: u32| timeout - waited);
                    let gone = connection.wait(ms);
                    prop_assert_eq!(gone, ms.min(left));
                    prop_assert_eq!(connection.lives(), ms < left);
                    if !connection.lives() {
                        break;
                    }
                    waiting = waiting.map(|waited| waited + gone);
                }
            }
            waiting = if connection.is_waiting() { Some(waiting.unwrap_or(0)) } else { None };
        }
        connection.finish();
    }
}

/// With a timeout of a day a connection outlives TCP_MAXRTX retransmissions, and TCP_SYNMAXRTX of a SYN; without one it does not.
#[test]
fn the_number_of_retransmissions_does_not_count() {
    for syn in [false, true] {
        for timeout in [0, 24 * HOUR] {
            let mut connection = Connection::new(1, timeout);
            if syn {
                cm::enter(connection.pcb(), State::SynSent);
                segmentation::enqueue_flags(connection.pcb(), Flags::SYN).expect("there is memory");
            } else {
                connection.write(50);
            }
            connection.send();
            let gone = connection.wait(25 * HOUR);
            if timeout == 0 {
                assert!(gone < HOUR, "given up after {gone} ms");
            } else {
                assert_eq!(gone, timeout);
            }
            assert!(!connection.lives());
            connection.finish();
        }
    }
}

/// As Linux has it: a window that stays closed is no reason to wait longer, though the peer answers the probes.
#[test]
fn a_closed_window_counts_as_waiting() {
    for timeout in [0, 10 * MINUTE] {
        let mut connection = Connection::new(u32::MAX - 1000, timeout);
        let (seq, ack) = (connection.pcb().rcv_nxt(), connection.pcb().lastack());
        flow_control::on_window_announced(connection.pcb(), seq, ack, 0);
        connection.write(50);
        flow_control::on_blocked(connection.pcb());
        start_persist_timer(connection.pcb(), 1);
        fine::update(&mut connection.bench.core, connection.id);
        // Each probe is answered, at the latest after five seconds.
        for answers in 1..=120 {
            assert_eq!(connection.wait(5000), 5000);
            assert_eq!(connection.lives(), timeout == 0 || answers < 120);
            if connection.lives() {
                flow_control::on_heard(connection.pcb());
            }
        }
        connection.finish();
    }
}

/// By C's name: a timeout that is set while something waits counts from when that began; 0 takes it back. One that is too long
/// changes nothing.
#[test]
fn it_may_be_set_late_and_taken_back() {
    const LONGEST: u32 = 24 * 24 * HOUR;
    let mut connection = Connection::new(7, 0);
    let set = |connection: &Connection, ms| lwip_tcp_rust_set_user_timeout(connection.pcb().as_ptr(), ms);
    connection.write(50);
    connection.send();
    assert_eq!(connection.wait(5000), 5000);
    assert_eq!(set(&connection, LONGEST + 1), Error::VAL.code());
    assert_eq!(connection.pcb().user_timeout(), 0);
    assert_eq!(set(&connection, LONGEST), 0);
    assert_eq!(set(&connection, 5500), 0);
    assert_eq!(set(&connection, 0), 0);
    assert_eq!(connection.wait(5000), 5000);
    assert!(connection.lives());
    assert_eq!(set(&connection, 12_000), 0);
    assert_eq!(connection.wait(5000), 2000);
    assert!(!connection.lives());
    assert_eq!(lwip_tcp_rust_set_user_timeout(core::ptr::null_mut(), 1), Error::ARG.code());
    connection.finish();
}

/// The application hears ERR_ABRT, as after the last retransmission, when the PCB is gone.
#[test]
#[cfg(lwip_callback_api)]
fn the_application_hears_of_it() {
    use core::ffi::c_void;
    use core::sync::atomic::{AtomicI32, Ordering};
    static HEARD: AtomicI32 = AtomicI32::new(0);
    extern "C" fn on_error(_arg: *mut c_void, error: crate::ffi::bindings::err_t) {
        HEARD.store(error.into(), Ordering::Relaxed);
    }
    let mut connection = Connection::new(7, 1000);
    cm::settings::err(connection.pcb(), Some(on_error));
    connection.write(50);
    assert_eq!(connection.wait(5000), 1000);
    assert!(!connection.lives());
    assert_eq!(HEARD.load(Ordering::Relaxed), i32::from(Error::ABRT.code()));
    connection.finish();
}
