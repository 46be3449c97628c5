//! Makes traces: a remote side and an application that follow the connections of the reference peer, step by step,
//! and now and then do what they should not.

use crate::peer::{Output, Peer};
use crate::rng::Rng;
use crate::view::{self, Pcb, Tx};
use std::collections::BTreeMap;

/// What the generator knows about the remote side of a slot.
#[derive(Clone, Default)]
pub struct Remote {
    /// Highest sequence number sent, relative.
    pub sent: i64,
    pub window: i64,
    pub timestamps: bool,
    pub clock: i64,
    pub echo: i64,
    pub mss: i64,
    /// Byte ranges of the core's data that arrived.
    pub got: Vec<(i64, i64)>,
}

/// How a trace is weighted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    Handshake,
    Receive,
    Reassembly,
    Send,
    Loss,
    Close,
    Hostile,
    Memory,
    Mixed,
}

const THEMES: [Theme; 10] = [
    Theme::Handshake,
    Theme::Receive,
    Theme::Reassembly,
    Theme::Send,
    Theme::Loss,
    Theme::Loss,
    Theme::Close,
    Theme::Hostile,
    Theme::Memory,
    Theme::Mixed,
];

/// A trace in the making.
pub struct Generator<'a> {
    pub rng: Rng,
    peer: &'a mut Peer,
    pub steps: Vec<String>,
    pub outputs: Vec<Output>,
    pub pcbs: BTreeMap<usize, Pcb>,
    pub remotes: Vec<Remote>,
    pub theme: Theme,
    /// Keeps clear of what the two cores are known to treat differently, so that most traces run to their end.
    pub tame: bool,
    pub over: bool,
}

impl<'a> Generator<'a> {
    /// A trace of about this many steps for this seed.
    pub fn trace(seed: u64, steps: usize, peer: &'a mut Peer) -> (Vec<String>, Vec<Output>) {
        let mut rng = Rng::new(seed);
        let theme = rng.pick(&THEMES);
        let tame = rng.chance(65);
        let mut this = Generator {
            rng,
            peer,
            steps: Vec::new(),
            outputs: Vec::new(),
            pcbs: BTreeMap::new(),
            remotes: vec![Remote::default(); 8],
            theme,
            tame,
            over: false,
        };
        this.prologue();
        let length = this.rng.range(steps as i64 / 3, steps as i64) as usize;
        while this.steps.len() < length && !this.over {
            this.advance();
        }
        this.emit("finish".to_string());
        (this.steps, this.outputs)
    }

    /// Does a step in the reference peer and learns from it.
    pub fn emit(&mut self, line: String) -> Vec<Tx> {
        if self.over {
            return Vec::new();
        }
        let output = self.peer.step(&line);
        let lines = output.clone().unwrap_or_default();
        self.over = output.is_none() || lines.iter().any(|l| l.starts_with("assert") || l.starts_with("died"));
        self.pcbs = view::pcbs(&lines);
        let sent: Vec<Tx> = lines.iter().filter_map(|l| Tx::parse(l)).collect();
        for tx in &sent {
            if let (Some(remote), Some(echo)) = (self.remotes.get_mut(tx.slot as usize), tx.timestamp()) {
                remote.echo = echo;
            }
        }
        self.steps.push(line);
        self.outputs.push(output);
        sent
    }

    fn prologue(&mut self) {
        for slot in 0..8 {
            // Near the wrap in half of the cases: that is where sequence arithmetic errs.
            let iss = if self.rng.chance(50) {
                self.rng.range(0, 0xffff_ffff)
            } else {
                0xffff_ffff - self.rng.range(0, 9000)
            };
            let irs = if self.rng.chance(50) {
                self.rng.range(0, 0xffff_ffff)
            } else {
                0xffff_ffff - self.rng.range(0, 9000)
            };
            if slot < 3 || self.rng.chance(30) {
                self.emit(format!("iss {slot} {iss}"));
                self.emit(format!("irs {slot} {irs}"));
            }
        }
        if self.rng.chance(30) {
            let ticks = if self.rng.chance(50) { 0xffff_fff0 } else { self.rng.range(1, 70000) };
            self.emit(format!("ticks {ticks}"));
        }
        if self.rng.chance(40) {
            self.emit("clock 4294960000".to_string());
        }
        let backlog = self.rng.pick(&[0, 1, 2, 5, 255]);
        let reuse = self.rng.pick(&["", "", "", "", "", "", " reuse", " reuse", " plain", " plain noaccept"]);
        self.emit(format!("listen 0 80 {backlog}{reuse}"));
        if self.rng.chance(20) {
            let line = format!("listen 1 {} 5{reuse}", 80 + self.rng.next() % 2);
            self.emit(line);
        }
    }

    /// One move of somebody.
    fn advance(&mut self) {
        let slots = if self.theme == Theme::Memory || self.theme == Theme::Handshake { 7 } else { 2 };
        let wide = self.rng.chance(12);
        let slot = self.rng.range(0, if wide { 7 } else { slots }) as usize;
        let Some(pcb) = self.pcbs.get(&slot).cloned() else {
            if self.pcbs.len() < 2 || self.rng.chance(20) {
                self.open(slot);
            } else if let Some(known) = self.pcbs.keys().next().copied() {
                self.act(known);
            }
            return;
        };
        match pcb.state.as_str() {
            "CLOSED" => self.connect(slot),
            "TIME_WAIT" if self.rng.chance(60) => self.time_wait(slot, &pcb),
            "SYN_SENT" if self.tame || self.rng.chance(75) => self.answer_syn(slot, &pcb),
            "SYN_RCVD" if self.rng.chance(80) => self.finish_passive(slot, &pcb),
            _ => self.act(slot),
        }
    }

    fn act(&mut self, slot: usize) {
        let Some(pcb) = self.pcbs.get(&slot).cloned() else { return };
        // application, data in, ACKs in, simulated transfer, close, hostile, time, resources, scripts
        let weights: [i64; 9] = match self.theme {
            Theme::Handshake => [10, 10, 10, 2, 8, 10, 12, 6, 3],
            Theme::Receive => [18, 40, 8, 2, 3, 3, 10, 4, 8],
            Theme::Reassembly => [6, 60, 6, 1, 3, 4, 6, 3, 3],
            Theme::Send => [40, 6, 30, 8, 2, 3, 10, 5, 4],
            Theme::Loss => [20, 3, 15, 30, 1, 1, 15, 2, 1],
            Theme::Close => [12, 15, 15, 4, 30, 5, 15, 3, 6],
            Theme::Hostile => [10, 10, 8, 2, 3, 50, 6, 2, 2],
            Theme::Memory => [18, 18, 12, 3, 5, 4, 12, 18, 4],
            Theme::Mixed => [15, 15, 15, 8, 5, 10, 12, 6, 8],
        };
        match self.rng.weighted(&weights) {
            0 => self.application(slot, &pcb),
            1 => self.data_in(slot, &pcb),
            2 => self.ack_in(slot, &pcb),
            3 => self.transfer(slot),
            4 => self.close(slot, &pcb),
            5 => self.hostile(slot, &pcb),
            6 => self.time(),
            7 => self.resources(slot),
            _ => self.script(slot),
        }
    }

    /// A segment of the remote side, with its options.
    pub fn segment(&mut self, slot: usize, flags: &str, seq: i64, ack: i64, len: i64, extra: &str) -> Vec<Tx> {
        let remote = &mut self.remotes[slot];
        let window = remote.window;
        remote.sent = remote.sent.max(seq + len + i64::from(flags.contains('F')) + i64::from(flags.contains('S')));
        let mut more = String::new();
        if remote.timestamps && !extra.contains("opts=") {
            remote.clock += 1;
            more = format!(" opts=n,n,t{}:{}", remote.clock, remote.echo);
        }
        if len > 0 && self.rng.chance(12) {
            // C takes options from two pbufs at most.
            let second = if self.tame { self.rng.range(40, 60) } else { self.rng.range(1, 40) };
            let first = self.rng.pick(&[20, 20 + len / 2, 21, 30, 33]);
            more += &format!(" split={first},{second}");
        }
        let flags = if flags.is_empty() { "-" } else { flags };
        self.emit(format!("seg {slot} {flags} {seq} {ack} {window} {len}{more}{extra}"))
    }

    fn syn_options(&mut self, slot: usize) -> String {
        let mut parts = Vec::new();
        if self.rng.chance(85) {
            let (zero, one) = if self.tame { (1460, 64) } else { (0, 1) };
            let mss = self.rng.pick(&[1460, 1460, 1220, 536, 536, 100, 9000, zero, one]);
            parts.push(format!("m{mss}"));
            self.remotes[slot].mss = mss;
        }
        if self.rng.chance(60) {
            parts.push(format!("w{}", self.rng.pick(&[0, 1, 2, 3, 7, 14, 15, 255])));
        }
        if self.rng.chance(60) {
            parts.push("k".to_string());
        }
        let timestamps = self.rng.chance(50);
        self.remotes[slot].timestamps = timestamps;
        if timestamps {
            self.remotes[slot].clock = self.rng.pick(&[1, 1000, 0x7fff_fff0, 0xffff_f000]);
            parts.push(format!("t{}:{}", self.remotes[slot].clock, self.remotes[slot].echo));
        }
        if self.rng.chance(10) {
            parts.push(self.odd_option());
        }
        if parts.is_empty() { String::new() } else { format!(" opts={}", parts.join(",")) }
    }

    fn odd_option(&mut self) -> String {
        self.rng
            .pick(&[
                "x02",
                "x0203",
                "x0200",
                "x0201",
                "x020405",
                "x03",
                "x0302",
                "x08",
                "x080a",
                "x0a00",
                "xfe00",
                "xfe01",
                "xfe0c0102",
                "e,x0204ffff",
                "n,n,n",
                "x0502",
                "x050a",
                "x0402",
                "x040500",
                "x13120000",
            ])
            .to_string()
    }

    pub(crate) fn open(&mut self, slot: usize) {
        self.remotes[slot] = Remote { mss: 536, ..Remote::default() };
        self.remotes[slot].window = if self.rng.chance(70) {
            self.rng.pick(&[8000, 20000, 65535])
        } else {
            self.rng.pick(&[0, 1, 500, 1460, 3000])
        };
        let active = self.rng.chance(if self.theme == Theme::Handshake { 50 } else { 30 });
        if active {
            let kind = self.rng.pick(&["v4", "any", "any"]);
            self.emit(format!("new {slot} {}", if slot >= 6 { "any" } else { kind }));
            self.connect(slot);
            return;
        }
        let opts = self.syn_options(slot);
        let extra =
            self.rng.pick(&["", "", "", "", "", " urg=7", if self.tame { " split=20,40" } else { " split=20,2" }]);
        let flags =
            if self.rng.chance(94) { "S" } else { self.rng.pick(&["SE", "SA", "SF", "SR", "SP", "F", "P", "-", "A"]) };
        let len = if self.rng.chance(5) { 20 } else { 0 };
        let listener = if self.rng.chance(92) { 80 } else { self.rng.pick(&[81, 99]) };
        let window = self.remotes[slot].window;
        self.emit(format!("seg {slot} {flags} 0 0 {window} {len} dport={listener}{opts}{extra}"));
        self.remotes[slot].sent = 1;
    }

    fn connect(&mut self, slot: usize) {
        if self.rng.chance(25) {
            let port = self.rng.pick(&[0, 2000 + slot as i64, 2000, 80]);
            let own = self.rng.pick(&["", " own"]);
            if self.rng.chance(20) {
                self.emit(format!("reuse {slot}"));
            }
            self.emit(format!("bind {slot} {port}{own}"));
        }
        if self.rng.chance(5) {
            let line = format!("bindnetif {slot} {}", self.rng.next() % 2);
            self.emit(line);
        }
        if self.rng.chance(15) {
            let what = self.rng.pick(&["write", "output", "recved", "info", "shut", "poll", "prio"]);
            self.emit(format!("{what} {slot} 1 1"));
        }
        self.emit(format!("connect {slot}"));
        if self.rng.chance(12) {
            let line = format!("write {slot} {} c", self.rng.range(1, 900));
            self.emit(line);
        }
    }

    fn answer_syn(&mut self, slot: usize, pcb: &Pcb) {
        let opts = self.syn_options(slot);
        let nxt = pcb.num("nxt");
        let choice =
            self.rng.weighted(&[60, 5, 5, 4, 4, if self.tame { 0 } else { 5 }, 4, 8, if self.tame { 0 } else { 4 }]);
        self.remotes[slot].sent = 1;
        let wrong = nxt + self.rng_offset();
        let opts = if self.tame && choice != 0 { String::new() } else { opts };
        match choice {
            0 => self.segment(slot, "SA", 0, 1, 0, &opts),
            1 => self.segment(slot, "SA", 0, wrong, 0, &opts),
            2 => self.segment(slot, "RA", 0, 1, 0, ""),
            3 => self.segment(slot, "R", 0, 0, 0, ""),
            4 => self.segment(slot, "A", 1, wrong, 0, ""),
            5 => self.segment(slot, "S", 0, 0, 0, &opts),
            6 => self.segment(slot, "SA", 0, 1, 30, &opts),
            7 => {
                let times = self.rng.pick(&[1, 3, 6, 30, 200]);
                self.emit(format!("slow {times}"))
            }
            _ => self.segment(slot, "FA", 1, 1, 0, ""),
        };
    }

    fn rng_offset(&mut self) -> i64 {
        self.rng.pick(&[-1, 1, 2, -2, 100, -100, 70000, -70000, 0x7fff_ffff])
    }

    fn finish_passive(&mut self, slot: usize, pcb: &Pcb) {
        if self.rng.chance(6) {
            let action = self.rng.pick(&["ret -1", "abort", "delayed", "close", "write 100"]);
            let script = match action.split_once(' ') {
                Some(("ret", _)) => action.to_string(),
                Some((verb, rest)) => format!("{verb} {slot} {rest}"),
                None => format!("{action} {slot}"),
            };
            self.emit(format!("on {slot} accept {script}"));
        }
        let offset = self.rng_offset();
        let opts = self.syn_options_again();
        match self.rng.weighted(&[70, 4, 4, 4, 4, 3, 3, 6, 2, 2]) {
            0 => self.segment(slot, "A", 1, pcb.num("nxt"), 0, ""),
            1 => self.segment(slot, "PA", 1, pcb.num("nxt"), 120, ""),
            2 => self.segment(slot, "FA", 1, pcb.num("nxt"), 0, ""),
            3 => self.segment(slot, "A", 1, pcb.num("nxt") + offset, 0, ""),
            4 => self.segment(slot, "S", 0, 0, 0, &opts),
            5 => self.segment(slot, "R", 1, 0, 0, ""),
            6 => self.segment(slot, "R", 1 + offset, 0, 0, ""),
            7 => {
                let times = self.rng.pick(&[1, 3, 6, 12, 50]);
                self.emit(format!("slow {times}"))
            }
            8 => self.segment(slot, "SA", 0, 1, 0, &opts),
            _ => self.emit("unlisten 0".to_string()),
        };
    }

    /// Late and new segments for what is over.
    fn time_wait(&mut self, slot: usize, pcb: &Pcb) {
        let (rcv, nxt) = (pcb.num("rcv_nxt"), pcb.num("snd_nxt"));
        let seq = rcv + self.rng.pick(&[-1, 0, 0, 1, 500, 100_000, -100_000]);
        let flags = self.rng.pick(&["FA", "A", "S", "S", "SA", "R", "PA", "F"]);
        let len = self.rng.pick(&[0, 0, 10]);
        self.segment(slot, flags, seq, nxt, len, "");
        match self.rng.weighted(&[60, 15, 10, 5, 10]) {
            1 => {
                let times = self.rng.pick(&[1, 100, 130, 241]);
                self.emit(format!("slow {times}"));
            }
            2 => {
                // Out of PCBs, TIME-WAIT is recycled first.
                self.emit("hog pcb 500".to_string());
                self.open((slot + 1) % 4);
                self.emit("unhog".to_string());
            }
            3 => {
                self.emit(format!("abort {slot}"));
            }
            4 => {
                self.emit(format!("close {slot}"));
            }
            _ => {}
        }
    }

    fn syn_options_again(&mut self) -> String {
        let other = self.rng.pick(&["", " opts=m1460", " opts=m536,w3", " opts=m1000,k"]);
        if self.tame { String::new() } else { other.to_string() }
    }
}
