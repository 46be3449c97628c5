//! The generator's moves on a connection that stands.

use crate::generate::{Generator, Remote, Theme};
use crate::view::{Pcb, Tx};

impl Generator<'_> {
    pub(crate) fn application(&mut self, slot: usize, pcb: &Pcb) {
        let room = pcb.num("buf");
        match self.rng.weighted(&[40, 15, 20, 2, 3, 4, 2, 2, 1, 2]) {
            0 => {
                let mss = pcb.num("mss").max(1);
                let len = self.rng.pick(&[1, 10, 100, mss - 1, mss, mss + 1, 3 * mss, room, room + 1, room / 2, 0]);
                let flags = self.rng.pick(&["c", "c", "-", "cm", "m"]);
                self.emit(format!("write {slot} {} {flags}", len.clamp(0, 65535)));
                if self.rng.chance(60) {
                    self.emit(format!("output {slot}"));
                }
            }
            1 => {
                self.emit(format!("output {slot}"));
            }
            2 => {
                let held = (pcb.num("edge") - pcb.num("rcv_nxt")).max(0);
                let len = self.rng.pick(&[1, 100, 536, 1460, 3000, 6000, held, 65535]);
                self.emit(format!("recved {slot} {len}"));
            }
            3 => {
                let line = format!("prio {slot} {}", self.rng.pick(&[1, 64, 100, 127, 255]));
                self.emit(line);
            }
            4 => {
                let line = format!("nagle {slot} {}", self.rng.next() % 2);
                self.emit(line);
            }
            5 => {
                let line = format!("poll {slot} {}", self.rng.pick(&[0, 1, 2, 4, 255]));
                self.emit(line);
            }
            6 => {
                let line =
                    format!("keep {slot} {} {} {}", self.rng.pick(&[500, 2000, 10000]), self.rng.pick(&[500, 1000]), 2);
                self.emit(line);
            }
            7 => {
                self.emit(format!("info {slot}"));
            }
            8 => {
                self.emit("txnow".to_string());
            }
            _ => {
                let what = self.rng.pick(&[
                    "freeooseq",
                    "delayed",
                    "accepted",
                    "connect",
                    "bind",
                    "refusedagain",
                    "deaf",
                    "again",
                ]);
                self.emit(format!("{what} {slot}"));
            }
        }
    }

    fn data_len(&mut self, slot: usize) -> i64 {
        let full = if self.remotes[slot].mss > 1400 { 1460 } else { 536 };
        self.rng.pick(&[1, 2, 10, 100, 200, full / 2, full, full])
    }

    pub(crate) fn data_in(&mut self, slot: usize, pcb: &Pcb) {
        let rcv = pcb.num("rcv_nxt");
        let window = pcb.num("rcv_wnd");
        let ack = pcb.num("nxt");
        let len = self.data_len(slot);
        let queued = pcb.queue("ooseq");
        let ooo = if self.theme == Theme::Reassembly { 60 } else { 15 };
        let push = self.rng.pick(&["A", "PA"]);
        let extra = self.rng.pick(&["", "", "", "", "", "", "", " x=85", " urg=3"]).to_string();
        match self.rng.weighted(&[40, ooo, ooo, 8, 8, 8, 6, 4, 3]) {
            0 => {
                for _ in 0..self.rng.range(1, 4) {
                    let rcv = self.pcbs.get(&slot).map_or(rcv, |p| p.num("rcv_nxt"));
                    self.segment(slot, push, rcv, ack, len, &extra);
                }
            }
            1 => {
                let gap = self.rng.pick(&[1, 5, 100, len, 2 * len, 536]);
                self.segment(slot, push, rcv + gap, ack, len, &extra);
            }
            2 if !queued.is_empty() => self.around_queued(slot, rcv, ack, &queued, push),
            2 => {
                self.segment(slot, push, rcv + len, ack, len, "");
            }
            3 => {
                self.segment(slot, push, rcv - len, ack, len, &extra);
            }
            4 => {
                let back = self.rng.range(1, len);
                self.segment(slot, push, rcv - back, ack, len, &extra);
            }
            5 => {
                let seq = rcv + window + self.rng.pick(&[-len, -1, 0, 1, -len / 2, 500]);
                self.segment(slot, push, seq, ack, len, "");
            }
            6 => {
                let fin = self.rng.pick(&["FA", "FPA"]);
                let seq = rcv + self.rng.pick(&[0, 0, 0, len, -len, -1, 1, window - 1, window, window - len]);
                let len = if self.rng.chance(50) { 0 } else { len };
                self.segment(slot, fin, seq, ack, len, "");
            }
            7 => {
                if self.rng.chance(30) {
                    self.emit(format!("on {slot} recv ret -1"));
                }
                self.fill_window(slot, push);
            }
            _ => {
                self.emit(format!("on {slot} recv ret -1"));
                self.segment(slot, push, rcv, ack, len, "");
            }
        }
    }

    /// Data that touches, overlaps or covers what waits for reassembly.
    fn around_queued(&mut self, slot: usize, rcv: i64, ack: i64, queued: &[(i64, i64)], flags: &str) {
        let (start, size) = self.rng.pick(queued);
        let (last, last_size) = queued[queued.len() - 1];
        let some = self.rng.range(1, 60);
        let (seq, len) = match self.rng.weighted(&[10, 10, 10, 10, 10, 10, 10, 10, 10]) {
            0 => (start, size + some),
            1 => (start, (size - some).max(1)),
            2 => (start - some, size),
            3 => (start - some, size + 2 * some),
            4 => (start + some, size),
            5 => (last + last_size, some * 5),
            6 => (rcv, start - rcv),
            7 => (rcv, last + last_size - rcv + some),
            _ => (start + size / 2, (last + last_size - start).max(1)),
        };
        let flags = if self.rng.chance(8) { "FA" } else { flags };
        self.segment(slot, flags, seq, ack, len.clamp(1, 1460), "");
    }

    fn fill_window(&mut self, slot: usize, flags: &str) {
        for _ in 0..60 {
            let Some(pcb) = self.pcbs.get(&slot).cloned() else { return };
            let left = pcb.num("rcv_wnd");
            if left == 0 || self.over {
                break;
            }
            self.segment(slot, flags, pcb.num("rcv_nxt"), pcb.num("nxt"), left.min(1460), "");
        }
        if let Some(pcb) = self.pcbs.get(&slot).cloned() {
            self.segment(slot, "A", pcb.num("rcv_nxt"), pcb.num("nxt"), 1, "");
            let back = self.rng.pick(&[1, 536, 1460, 6000]);
            self.emit(format!("recved {slot} {back}"));
        }
    }

    pub(crate) fn ack_in(&mut self, slot: usize, pcb: &Pcb) {
        let (una, nxt, rcv) = (pcb.num("una"), pcb.num("nxt"), pcb.num("rcv_nxt"));
        let recovering = pcb.flag("INFR") || pcb.flag("RTO");
        let middle = una + (nxt - una) / 2;
        let partial = if self.tame && recovering { 0 } else { 15 };
        let old = if self.tame { 0 } else { 4 };
        match self.rng.weighted(&[30, partial, 14, old, 5, 8, 8, 8, 3]) {
            0 => {
                self.segment(slot, "A", rcv, nxt, 0, "");
            }
            1 => {
                let unacked = pcb.queue("unacked");
                let edge = unacked.first().map_or(middle, |(s, l)| s + l);
                let ack = self.rng.pick(&[middle, una + 1, edge, edge, nxt - 1]);
                self.segment(slot, "A", rcv, ack.clamp(una, nxt), 0, "");
            }
            2 => {
                for _ in 0..self.rng.range(1, 6) {
                    self.segment(slot, "A", rcv, una, 0, "");
                }
            }
            3 => {
                let ack = una - self.rng.pick(&[1, 1000, 70000, 0x7000_0000]);
                self.segment(slot, "A", rcv, ack, 0, "");
            }
            4 => {
                let ack = nxt + self.rng.pick(&[1, 1000, 70000, 0x7000_0000]);
                self.segment(slot, "A", rcv, ack, 0, "");
            }
            5 => self.set_window(slot, rcv, nxt, &[0, 0, 1, 10, 100]),
            6 => self.set_window(slot, rcv, nxt, &[536, 1460, 8000, 65535]),
            7 => self.set_window(slot, rcv, una, &[0, 1, 500, 2000, 30000, 65535]),
            _ => {
                let seq = rcv + self.rng.pick(&[-1, 1, -500, 500]);
                self.segment(slot, "A", seq, nxt, 0, "");
            }
        }
    }

    fn set_window(&mut self, slot: usize, seq: i64, ack: i64, windows: &[i64]) {
        self.remotes[slot].window = self.rng.pick(windows);
        self.segment(slot, "A", seq, ack, 0, "");
        if self.rng.chance(40) {
            let times = self.rng.pick(&[1, 3, 8, 20]);
            self.emit(format!("slow {times}"));
        }
    }

    /// A transfer to a remote side that loses, delays and acknowledges as a receiver does.
    pub(crate) fn transfer(&mut self, slot: usize) {
        let Some(pcb) = self.pcbs.get(&slot).cloned() else { return };
        if pcb.state != "ESTABLISHED" && pcb.state != "CLOSE_WAIT" {
            return;
        }
        if self.remotes[slot].window < 3000 && self.rng.chance(70) {
            self.remotes[slot].window = self.rng.pick(&[6000, 30000, 65535]);
            self.segment(slot, "A", pcb.num("rcv_nxt"), pcb.num("una"), 0, "");
        }
        let loss = self.rng.pick(&[0, 5, 15, 30]);
        self.remotes[slot].got = vec![(0, pcb.num("una"))];
        for _ in 0..self.rng.range(1, 8) {
            let Some(pcb) = self.pcbs.get(&slot).cloned() else { return };
            if self.over {
                return;
            }
            self.emit(format!("write {slot} {} c", pcb.num("buf").clamp(1, 20000)));
            let sent = self.emit(format!("output {slot}"));
            self.receive_all(slot, sent, loss);
            if self.rng.chance(60) {
                let times = self.rng.pick(&[1, 2, 4, 7]);
                let sent = self.emit(format!("slow {times}"));
                self.receive_all(slot, sent, 0);
            }
        }
    }

    fn receive_all(&mut self, slot: usize, mut sent: Vec<Tx>, loss: i64) {
        for _ in 0..12 {
            let mut next = Vec::new();
            let arrived: Vec<Tx> = sent.drain(..).filter(|tx| tx.slot == slot as i64 && tx.num("len") > 0).collect();
            if arrived.is_empty() {
                return;
            }
            for tx in arrived {
                let Some(pcb) = self.pcbs.get(&slot).cloned() else { return };
                if self.rng.chance(loss) || self.over {
                    continue;
                }
                let remote = &mut self.remotes[slot];
                let before = cumulative(remote);
                insert(remote, tx.num("seq"), tx.num("seq") + tx.num("len"));
                let ack = cumulative(remote);
                // In recovery a partial ACK is a known difference.
                if self.tame && pcb.flag("INFR") && ack > before && ack < pcb.num("nxt") {
                    continue;
                }
                if ack > before && self.rng.chance(30) {
                    continue;
                }
                next.extend(self.segment(slot, "A", pcb.num("rcv_nxt"), ack.min(pcb.num("nxt")), 0, ""));
            }
            sent = next;
        }
    }

    pub(crate) fn close(&mut self, slot: usize, pcb: &Pcb) {
        let (rcv, nxt) = (pcb.num("rcv_nxt"), pcb.num("nxt"));
        let window = (pcb.num("edge") - rcv).max(0);
        match self.rng.weighted(&[20, 5, 5, 10, 5, 4, 20, 8, 6]) {
            0 => {
                // Without giving back the window a close is a reset.
                if self.rng.chance(70) {
                    self.emit(format!("recved {slot} 65535"));
                }
                self.emit(format!("close {slot}"));
            }
            1 => {
                self.emit(format!("closeq {slot}"));
            }
            2 => {
                self.emit(format!("shut {slot} 1 1"));
            }
            3 => {
                self.emit(format!("shut {slot} 0 1"));
            }
            4 => {
                self.emit(format!("shut {slot} 1 0"));
            }
            5 => {
                self.emit(format!("abort {slot}"));
            }
            6 => {
                let ack = self.rng.pick(&[nxt, nxt, nxt - 1, pcb.num("una")]);
                let len = if self.rng.chance(30) { 50 } else { 0 };
                self.segment(slot, "FA", rcv, ack, len, "");
            }
            7 => {
                let seq = self.rng.pick(&[rcv, rcv - 1, rcv + 10, rcv + window]);
                self.segment(slot, "FA", seq, nxt, 0, "");
            }
            _ => {
                self.segment(slot, "A", rcv, nxt, 0, "");
            }
        }
    }

    pub(crate) fn hostile(&mut self, slot: usize, pcb: &Pcb) {
        let (rcv, una, nxt) = (pcb.num("rcv_nxt"), pcb.num("una"), pcb.num("nxt"));
        let window = pcb.num("rcv_wnd");
        let len = self.rng.pick(&[0, 1, 40, 536]);
        match self.rng.weighted(&[3, 12, 12, 10, 12, 8, 10, 8]) {
            0 => {
                self.segment(slot, "R", rcv, 0, 0, "");
            }
            1 => {
                let seq = rcv + self.rng.pick(&[-1, 1, window - 1, window, window + 1, -70000, 100]);
                let flags = self.rng.pick(&["R", "RA", "RSA", "RFA"]);
                self.segment(slot, flags, seq, nxt, 0, "");
            }
            2 => {
                let seq = self.rng.pick(&[0, rcv, rcv - 1, rcv + 10, rcv + window, rcv + 100_000]);
                let flags = self.rng.pick(&["S", "SA", "SFA"]);
                self.segment(slot, flags, seq, nxt, len, "");
            }
            3 => {
                let seq = self.rng.range(-0x7fff_ffff, 0x7fff_ffff);
                let ack = if self.tame { nxt } else { self.rng.range(-0x7fff_ffff, 0x7fff_ffff) };
                let flags = self.rng.pick(&["A", "PA", "FA", "SA", "R", "F", "", "FSRPAUEC", "PU"]);
                self.segment(slot, flags, seq, ack, len, "");
            }
            4 => {
                let option = self.odd();
                self.segment(slot, "PA", rcv, nxt, len, &format!(" opts={option}"));
            }
            5 => {
                let extra = self.rng.pick(&[
                    " ck=1",
                    " off=4",
                    " off=0",
                    " off=15",
                    " bcast=1",
                    " netif=1",
                    " cut=19",
                    " cut=20",
                    " cut=10",
                    " cut=0",
                    " off=6 cut=22",
                ]);
                self.segment(slot, "PA", rcv, nxt, len, extra);
            }
            6 => {
                let flags = self.rng.pick(&["", "P", "F", "U", "E", "PUE"]);
                self.segment(slot, flags, rcv, 0, len, "");
            }
            _ => {
                let flags = self.rng.pick(&["SF", "SR", "SRA", "FPUA", "A"]);
                let seq = self.rng.pick(&[rcv, rcv - 1, una]);
                self.segment(slot, flags, seq, nxt, len, "");
            }
        }
    }

    fn odd(&mut self) -> String {
        let slot_clock = self.rng.pick(&[0, 1, 0x7fff_ffff, 0xffff_ffff_i64]);
        let old = if self.tame { "n,n".to_string() } else { format!("n,n,t{slot_clock}:0") };
        let options = [
            "x02",
            "x0200",
            "x020400",
            "x020405b4",
            "x0302",
            "x080a00",
            "x0a00",
            "xfe00",
            "xfe01",
            "xfe02",
            "x0105",
            "s1-100",
            "s5-1",
            "m0,w14",
            "e",
            "n,n,n,n,n,n,n,n",
        ];
        if self.rng.chance(20) { old } else { self.rng.pick(&options).to_string() }
    }

    pub(crate) fn time(&mut self) {
        let step = match self.rng.weighted(&[30, 30, 20, 10, 4, 1]) {
            0 => "fast".to_string(),
            1 => format!("slow {}", self.rng.range(1, 3)),
            2 => format!("tmr {}", self.rng.range(1, 5)),
            3 => format!("slow {}", self.rng.range(4, 14)),
            4 => format!("slow {}", self.rng.pick(&[41, 60, 130, 245])),
            _ => format!("slow {}", self.rng.pick(&[500, 1000, 15000])),
        };
        let sent = self.emit(step);
        // A remote side that answers what the timers sent.
        for tx in sent.iter().take(4) {
            let slot = tx.slot as usize;
            if let (Some(pcb), true) = (self.pcbs.get(&slot).cloned(), self.rng.chance(50)) {
                let ack = if self.tame { pcb.num("nxt") } else { tx.num("seq") + tx.num("len") };
                self.segment(slot, "A", pcb.num("rcv_nxt"), ack.min(pcb.num("nxt")), 0, "");
            }
        }
    }

    pub(crate) fn resources(&mut self, slot: usize) {
        match self.rng.weighted(&[25, 25, 25, 8, 8, 3]) {
            0 => {
                let err = self.rng.pick(&[-1, -1, -2, -4, -6]);
                let count = self.rng.pick(&[1, 1, 2, 3, 10]);
                self.emit(format!("neterr {count} {err}"));
            }
            1 => {
                let what = self.rng.pick(&["seg", "pcb", "pbuf", "pool", "heap"]);
                let count = self.rng.pick(&[1, 3, 500, 500]);
                self.emit(format!("hog {what} {count}"));
            }
            2 => {
                self.emit("unhog".to_string());
            }
            3 => {
                self.emit(format!("freeooseq {slot}"));
            }
            4 => {
                // Closing while no FIN can be queued.
                self.emit("hog seg 500".to_string());
                self.emit("hog heap 500".to_string());
                self.emit(format!("close {slot}"));
                let first = self.rng.pick(&["slow", "fast", "hog pcb 500"]);
                self.emit(first.to_string());
                let other = (slot + 1) % 4;
                self.open(other);
                self.emit("unhog".to_string());
                self.emit("fast".to_string());
            }
            _ => {
                let line = format!("ipchange {}", self.rng.next() % 2);
                self.emit(line);
            }
        }
    }

    pub(crate) fn script(&mut self, slot: usize) {
        let event = self.rng.pick(&["recv", "recv", "sent", "poll", "connected", "err", "accept"]);
        let other = self.rng.range(0, 2);
        let on = if self.rng.chance(80) { slot as i64 } else { other };
        let action = match self.rng.weighted(&[20, 15, 8, 6, 6, 5, 6, 4, 4]) {
            0 => format!("write {on} {} c", self.rng.pick(&[1, 100, 536, 2000])),
            1 => format!("write {on} 300 c;output {on}"),
            2 => format!("recved {on} {}", self.rng.pick(&[1, 100, 1460, 65535])),
            3 => format!("recved {on} 65535;close {on}"),
            4 => format!("close {on}"),
            5 => format!("abort {on}"),
            6 => "ret -1".to_string(),
            7 => format!("shut {on} 0 1"),
            _ => format!("shut {on} 1 0;write {on} 10 c"),
        };
        self.emit(format!("on {slot} {event} {action}"));
    }
}

/// What the remote side can acknowledge.
fn cumulative(remote: &Remote) -> i64 {
    remote.got.first().map_or(1, |first| first.1)
}

fn insert(remote: &mut Remote, start: i64, end: i64) {
    remote.got.push((start, end));
    remote.got.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (start, end) in remote.got.drain(..) {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    remote.got = merged;
}
