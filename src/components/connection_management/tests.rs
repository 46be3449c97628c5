//! Connection management: the state machine, limits, numbers and ports that an attacker must not guess.

use super::*;
use crate::pcb::List;
use crate::pcb::tests::{addr, bench};
use proptest::prelude::*;
use std::collections::HashSet;
use std::vec::Vec;

const STATES: [State; 11] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynRcvd,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// RFC 9293 3.3.2, figure 5, and 3.10.4, 3.10.7.4 where the figure leaves out: each state, then where CLOSE, the
/// acknowledgment of our FIN, a FIN, and a FIN together with that acknowledgment lead to. A dash: nowhere else.
#[test]
fn every_transition_of_figure_5() {
    use State::*;
    const DASH: Option<State> = None;
    let figure = [
        (Closed, DASH, DASH, DASH, DASH),
        (Listen, DASH, DASH, DASH, DASH),
        (SynSent, DASH, DASH, DASH, DASH),
        (SynRcvd, Some(FinWait1), DASH, Some(CloseWait), Some(CloseWait)),
        (Established, Some(FinWait1), DASH, Some(CloseWait), Some(CloseWait)),
        (FinWait1, DASH, Some(FinWait2), Some(Closing), Some(TimeWait)),
        (FinWait2, DASH, DASH, Some(TimeWait), Some(TimeWait)),
        (CloseWait, Some(LastAck), DASH, DASH, DASH),
        (Closing, DASH, Some(TimeWait), DASH, Some(TimeWait)),
        (LastAck, DASH, Some(Closed), DASH, Some(Closed)),
        (TimeWait, DASH, DASH, DASH, DASH),
    ];
    for (state, (from, close, fin_acked, fin, both)) in STATES.into_iter().zip(figure) {
        assert_eq!(state, from);
        assert_eq!(state_after_close(state), close, "CLOSE in {state:?}");
        assert_eq!(state_after_fin_acked(state), fin_acked.unwrap_or(state), "ACK of FIN in {state:?}");
        assert_eq!(state_after_fin(state), fin.unwrap_or(state), "FIN in {state:?}");
        let after_both = state_after_fin(state_after_fin_acked(state));
        assert_eq!(after_both, both.unwrap_or(state), "FIN and ACK of FIN in {state:?}");
    }
}

/// RFC 9293 3.8.4 (MUST-26): while something of ours is in flight, that is probe enough.
#[test]
fn no_keep_alive_while_data_are_in_flight() {
    use crate::components::rod;
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    enter(pcb, State::Established);
    own(pcb).set_so_options(c::SOF_KEEPALIVE as u8);
    on_heard(pcb, 0);
    let late = ticks(pcb.keep_idle()) + 1;
    assert!(matches!(keep_alive(pcb, late), KeepAlive::Probe));
    crate::segmentation::enqueue_flags(pcb, crate::wire::Flags::FIN).expect("memory");
    rod::on_segment_sent(pcb, rod::take_front(pcb).expect("the FIN is queued"));
    assert!(matches!(keep_alive(pcb, late), KeepAlive::Quiet));
    bench.finish(id);
}

/// Every way to close ends: from each synchronized state, whatever is closed first, both sides' FINs lead to TIME-WAIT or
/// CLOSED.
#[test]
fn closing_always_comes_to_an_end() {
    for start in [State::SynRcvd, State::Established] {
        let active = state_after_close(start).expect("it can be closed");
        assert_eq!(state_after_fin(state_after_fin_acked(active)), State::TimeWait);
        assert_eq!(state_after_fin_acked(state_after_fin(active)), State::TimeWait);
        let passive = state_after_close(state_after_fin(start)).expect("it can be closed");
        assert_eq!(state_after_fin_acked(passive), State::Closed);
    }
}

/// As Linux has it, a user timeout takes the place of the number of probes: the peer is dead when it was not heard of for so long
/// and one probe is without an answer.
#[test]
#[cfg(user_timeout)]
fn a_user_timeout_bounds_keep_alive() {
    let tick = config::TCP_SLOW_INTERVAL;
    // Shorter than the idle time, between two probes, and long after the last one of lwIP.
    for (timeout, dead_at) in [(3 * tick, 12), (14 * tick + 1, 15), (300 * tick, 300)] {
        let mut bench = bench();
        let id = bench.new_pcb();
        let pcb = bench.core.get(id).expect("it lives");
        let cm = own(pcb);
        cm.set_keep_idle(10 * tick);
        #[cfg(lwip_tcp_keepalive)]
        {
            cm.set_keep_intvl(2 * tick);
            cm.set_keep_cnt(3);
        }
        cm.set_so_options(c::SOF_KEEPALIVE as u8);
        enter(pcb, State::Established);
        assert!(crate::components::rod::set_user_timeout(pcb, timeout));
        on_heard(pcb, 0);
        let mut probes = 0;
        for now in 1..dead_at {
            match keep_alive(pcb, now) {
                KeepAlive::Quiet => {}
                KeepAlive::Probe => {
                    probes += 1;
                    on_keep_alive_sent(pcb);
                }
                KeepAlive::Dead => panic!("dead at {now}"),
            }
        }
        assert!(probes > 0 && matches!(keep_alive(pcb, dead_at), KeepAlive::Dead), "{timeout} ms");
        on_heard(pcb, dead_at);
        assert!(matches!(keep_alive(pcb, dead_at + 10), KeepAlive::Quiet));
        bench.core.free(id);
    }
}

proptest! {
    /// RFC 5961 10: never more challenge ACKs in a second than the limit, and always one in a second without any; each
    /// connection by itself.
    #[test]
    fn challenge_acks_are_limited_per_second_and_connection(steps in proptest::collection::vec((0u32..4, any::<bool>()), 1..200)) {
        let mut bench = bench();
        let ids = [bench.new_pcb(), bench.new_pcb()];
        let per_second = 1000 / config::TCP_SLOW_INTERVAL;
        let mut now = 0xffff_ff00u32;
        let mut sent = [(u32::MAX, 0u32); 2];
        for (ticks, which) in steps {
            now = now.wrapping_add(ticks);
            let which = usize::from(which);
            let second = now / per_second;
            if sent[which].0 != second {
                sent[which] = (second, 0);
            }
            let allowed = may_challenge(bench.core.get(ids[which]).expect("it lives"), now);
            prop_assert_eq!(allowed, sent[which].1 < config::CHALLENGE_ACKS);
            sent[which].1 += u32::from(allowed);
        }
    }

    /// RFC 9293 3.8.4 (MUST-25 to MUST-27): off by default; probes start after the idle time and follow at the interval,
    /// and the connection is dead when all of them were unanswered. The interval counts from the last segment heard.
    #[test]
    fn keep_alive_probes_and_gives_up_in_time(
        idle in 0u32..1000, probes in (0u32..200, 1u32..12), heard: u32, wrong_state in 0usize..11,
    ) {
        let mut bench = bench();
        let id = bench.new_pcb();
        let pcb = bench.core.get(id).expect("it lives");
        let cm = own(pcb);
        let tick = config::TCP_SLOW_INTERVAL;
        cm.set_keep_idle(idle * tick);
        // Without LWIP_TCP_KEEPALIVE both are what lwIP has as defaults.
        #[cfg(not(lwip_tcp_keepalive))]
        let (interval, count) = {
            let _ = probes;
            (config::TCP_KEEPINTVL_DEFAULT / tick, config::TCP_KEEPCNT_DEFAULT)
        };
        #[cfg(lwip_tcp_keepalive)]
        let (interval, count) = probes;
        #[cfg(lwip_tcp_keepalive)]
        {
            cm.set_keep_intvl(interval * tick);
            cm.set_keep_cnt(count);
        }
        on_heard(pcb, heard);
        for state in [State::Established, State::CloseWait] {
            enter(pcb, state);
            cm.set_so_options(0);
            on_heard(pcb, heard);
            let late = heard.wrapping_add(idle + interval * count + 1);
            prop_assert!(matches!(keep_alive(pcb, late), KeepAlive::Quiet));
            cm.set_so_options(c::SOF_KEEPALIVE as u8);
            for probe in 0..count {
                let due = heard.wrapping_add(idle + interval * probe);
                prop_assert!(matches!(keep_alive(pcb, due), KeepAlive::Quiet));
                prop_assert!(matches!(keep_alive(pcb, due.wrapping_add(1)), KeepAlive::Probe) || interval == 0);
                on_keep_alive_sent(pcb);
                prop_assert_eq!(u32::from(pcb.keep_cnt_sent()), probe + 1);
            }
            prop_assert!(!matches!(keep_alive(pcb, late.wrapping_sub(1)), KeepAlive::Dead));
            prop_assert!(matches!(keep_alive(pcb, late), KeepAlive::Dead));
            on_heard(pcb, late);
            prop_assert!(matches!(keep_alive(pcb, late), KeepAlive::Quiet));
        }
        let other = STATES[wrong_state];
        enter(pcb, other);
        let alive = !matches!(other, State::Established | State::CloseWait);
        prop_assert!(!alive || matches!(keep_alive(pcb, heard.wrapping_sub(1)), KeepAlive::Quiet));
    }

    /// Which states end by themselves, and when (RFC 9293 3.6.1, 2 MSL; the others are lwIP's). The tick counter may wrap.
    #[test]
    fn states_time_out(entered: u32, closed: bool) {
        let mut bench = bench();
        let id = bench.new_pcb();
        let pcb = bench.core.get(id).expect("it lives");
        if closed {
            on_rx_closed(pcb);
        }
        restart_timer(pcb, entered);
        for state in STATES {
            enter(pcb, state);
            let limit = match state {
                State::SynRcvd => Some(config::TCP_SYN_RCVD_TIMEOUT),
                State::FinWait2 => Some(config::TCP_FIN_WAIT_TIMEOUT).filter(|_| closed),
                State::LastAck | State::TimeWait => Some(2 * config::TCP_MSL),
                _ => None,
            };
            let ticks = limit.map(|limit| limit / config::TCP_SLOW_INTERVAL);
            prop_assert!(!state_timed_out(pcb, entered.wrapping_add(ticks.unwrap_or(1_000_000))));
            prop_assert_eq!(state_timed_out(pcb, entered.wrapping_add(ticks.unwrap_or(1_000_000) + 1)), ticks.is_some());
        }
    }

    /// RFC 9293 3.7.1: the peer's MSS is taken, up to ours; a tiny one is not (CVE-2019-11479), and none leaves the default.
    #[test]
    #[allow(clippy::needless_update)] // not all configurations have more options
    fn the_peers_mss_is_clamped(mss: u16) {
        let mut bench = bench();
        let id = bench.new_pcb();
        let pcb = bench.core.get(id).expect("it lives");
        prop_assert_eq!(u32::from(pcb.mss()), config::TCP_MSS.min(536));
        on_syn_options(pcb, &Options { mss, ..Options::default() });
        let expected = if mss == 0 { config::TCP_MSS.min(536) } else { u32::from(mss.max(64)).min(config::TCP_MSS) };
        prop_assert_eq!(u32::from(pcb.mss()), expected);
    }

    /// RFC 6528: another tuple, another secret, another time gives another number.
    #[test]
    fn initial_sequence_numbers_depend_on_everything(
        local: u32, remote: u32, ports: (u16, u16), secret: [u32; 4], now in 0u32..1_000_000, bit in 0u32..32,
    ) {
        let mut bench = bench();
        let id = bench.new_pcb();
        let mut number = |local: u32, remote: u32, ports: (u16, u16), secret: [u32; 4], now: u32| {
            bench.memory.set_clock(now);
            bench.core.set_secret(secret);
            let pcb = bench.core.get(id).expect("it lives");
            settings::local_ip(pcb, Addr::of(&addr(local)));
            settings::remote_ip(pcb, Addr::of(&addr(remote)));
            settings::local_port(pcb, ports.0);
            settings::remote_port(pcb, ports.1);
            initial_sequence_number(pcb)
        };
        let base = number(local, remote, ports, secret, now);
        prop_assert_eq!(number(local, remote, ports, secret, now), base);
        // The clock ticks every 4 microseconds, for the same connection without any jump.
        prop_assert_eq!(number(local, remote, ports, secret, now + 1000) - base, 250_000);
        let flip = 1u32 << bit;
        let flip16 = 1u16 << (bit % 16);
        let mut others = Vec::from([
            number(local ^ flip, remote, ports, secret, now),
            number(local, remote ^ flip, ports, secret, now),
            number(local, remote, (ports.0 ^ flip16, ports.1), secret, now),
            number(local, remote, (ports.0, ports.1 ^ flip16), secret, now),
        ]);
        for word in 0..4 {
            let mut secret = secret;
            secret[word] ^= flip;
            others.push(number(local, remote, ports, secret, now));
        }
        if local != remote {
            others.push(number(remote, local, ports, secret, now));
        }
        if ports.0 != ports.1 {
            others.push(number(local, remote, (ports.1, ports.0), secret, now));
        }
        // Each of them meets the first by chance once in 2^32 times.
        prop_assert!(others.iter().all(|other| *other != base));
    }

    /// Ports are chosen from the range, no two PCBs get the same, and the next one cannot be told from the last.
    #[test]
    fn ephemeral_ports_are_free_and_scattered(seed: u32) {
        let mut bench = bench();
        bench.memory.seed(seed);
        draw_secret(&bench.core);
        let mut ids = Vec::new();
        while let Some(id) = bench.core.allocate().map(crate::pcb::Pcb::id) {
            ids.push(id);
        }
        let mut ports = HashSet::new();
        for id in &ids {
            let pcb = bench.core.get(*id).expect("it lives");
            prop_assert!(crate::api::bind(&bench.core, pcb, Addr::of(&addr(0)), 0).is_ok());
            let port = u32::from(pcb.local_port());
            prop_assert!((config::TCP_LOCAL_PORT_RANGE_START..=config::TCP_LOCAL_PORT_RANGE_END).contains(&port));
            prop_assert!(ports.insert(port));
            // The port is taken for the others.
            if let Some(other) = ids.iter().find(|other| *other != id).and_then(|other| bench.core.get(*other)) {
                if other.local_port() == 0 {
                    prop_assert!(crate::api::bind(&bench.core, other, Addr::of(&addr(0)), port as u16).is_err());
                }
            }
        }
        for id in ids {
            bench.core.unregister(List::Bound, bench.core.get(id).expect("it lives"));
        }
    }
}

/// RFC 6056 3.3.1: over many choices the whole range is used, evenly.
#[test]
fn port_candidates_cover_the_range_evenly() {
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    let mut slots = [0u32; 16];
    let mut steps = HashSet::new();
    let mut last = 0;
    for _ in 0..4096 {
        let candidate = next_port_candidate(pcb) & 0x3fff;
        slots[(candidate >> 10) as usize] += 1;
        steps.insert(candidate.wrapping_sub(last));
        last = candidate;
    }
    // 256 are expected in each of 16 slots; the standard deviation is below 16.
    assert!(slots.iter().all(|count| (176..=336).contains(count)), "{slots:?}");
    assert!(steps.len() > 3000, "only {} different steps", steps.len());
}

/// A secret is drawn from the port's random numbers.
#[test]
#[cfg(has_rand)]
fn secrets_come_from_the_ports_random_numbers() {
    let mut bench = bench();
    let mut secrets = HashSet::new();
    for seed in 1..100 {
        bench.memory.seed(seed);
        draw_secret(&bench.core);
        assert!(secrets.insert(bench.core.secret()));
        assert!(bench.core.secret().iter().any(|word| *word != 0));
    }
}

/// Addresses that differ only in the words behind the first are different tuples.
#[test]
#[cfg(all(lwip_ipv4, lwip_ipv6))]
fn initial_sequence_numbers_depend_on_whole_ipv6_addresses() {
    use crate::pcb::tests::addr_v6;
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    let mut numbers = HashSet::new();
    for (local, remote) in [
        (addr(1), addr(2)),
        (addr_v6(1, [0, 0, 1]), addr_v6(2, [0; 3])),
        (addr_v6(1, [0; 3]), addr_v6(2, [0, 0, 1])),
        (addr_v6(1, [0; 3]), addr_v6(2, [0, 1, 0])),
        (addr_v6(1, [0; 3]), addr_v6(2, [1, 0, 0])),
    ] {
        settings::local_ip(pcb, Addr::of(&local));
        settings::remote_ip(pcb, Addr::of(&remote));
        assert!(numbers.insert(initial_sequence_number(pcb).raw()));
    }
}

#[test]
fn polling_is_due_every_interval() {
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    for interval in [1u8, 2, 7, 255] {
        settings::poll_interval(pcb, interval);
        for round in 0..3u32 {
            let ticks = (1u32..).find(|_| on_poll_tick(pcb));
            assert_eq!(ticks, Some(interval.into()), "round {round}");
        }
    }
    // What is acknowledged puts the poll off.
    settings::poll_interval(pcb, 3);
    assert!(!on_poll_tick(pcb) && !on_poll_tick(pcb));
    on_progress(pcb);
    assert!(!on_poll_tick(pcb) && !on_poll_tick(pcb) && on_poll_tick(pcb));
}

/// The receive side of a close is the last sign of life that counts.
#[test]
fn a_closed_connection_is_not_kept_alive_by_its_peer() {
    let mut bench = bench();
    let id = bench.new_pcb();
    let pcb = bench.core.get(id).expect("it lives");
    on_heard(pcb, 10);
    on_rx_closed(pcb);
    on_heard(pcb, 20);
    assert_eq!(pcb.tmr(), 10);
}
