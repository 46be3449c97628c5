//! One run: the flows, the path between their ends, and virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use anyhow::Result;
use serde::Serialize;

use crate::endpoint::{Endpoint, Job, Libraries, Role, Tcp, open};
use crate::path::{Link, LinkCounts, LinkSpec, Packet};
use crate::record::{FlowFigures, Record, jain};
use crate::rng::Stream;
use crate::units::Nanos;
use crate::wire::Headers;

/// One connection.
#[derive(Clone, Debug, Serialize)]
pub struct FlowSpec {
    /// Who sends.
    pub sender: Tcp,
    /// Who receives.
    pub receiver: Tcp,
    /// When it begins.
    pub begin: Nanos,
    /// How much it sends, None for no end.
    pub limit: Option<u64>,
    /// Whether it closes then.
    pub close: bool,
    /// Nagle's algorithm; off, as a bulk sender has it.
    pub nagle: bool,
}

impl FlowSpec {
    /// `tcp` at both ends, from the start, without end.
    pub fn bulk(tcp: &Tcp) -> FlowSpec {
        let tcp = tcp.clone();
        FlowSpec { receiver: tcp.clone(), sender: tcp, begin: Nanos(0), limit: None, close: false, nagle: false }
    }
}

/// A run to be made.
#[derive(Clone, Debug, Serialize)]
pub struct Scenario {
    /// From senders to receivers.
    pub forward: LinkSpec,
    /// From receivers to senders.
    pub back: LinkSpec,
    /// Who shares the path.
    pub flows: Vec<FlowSpec>,
    /// Receive window and send buffer of each end.
    pub window: u32,
    /// How long it lasts.
    pub duration: Nanos,
    /// Of all random numbers.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Of each flow.
    pub flows: Vec<FlowFigures>,
    /// Fairness among them.
    pub jain: f64,
    /// What the path did with data.
    pub forward: LinkCounts,
    /// What the path did with acknowledgments.
    pub back: LinkCounts,
    /// Of every packet's time and headers: equal if and only if two runs were the same.
    pub digest: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Sender,
    Receiver,
}

struct End {
    endpoint: Box<dyn Endpoint>,
    deadline: Nanos,
}

struct Flow {
    spec: FlowSpec,
    // None until it begins.
    ends: Option<(End, End)>,
    record: Record,
}

struct Arrival {
    at: Nanos,
    order: u64,
    to: Side,
    packet: Packet,
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Arrival {}
impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

struct Simulation<'a> {
    libraries: &'a Libraries,
    window: u32,
    seed: u64,
    now: Nanos,
    forward: Link,
    back: Link,
    flows: Vec<Flow>,
    // Arrivals at the same time stay in the order in which they were sent.
    arrivals: BinaryHeap<Reverse<Arrival>>,
    order: u64,
    digest: DefaultHasher,
}

/// Runs `scenario` and gives, beside the figures, the records that they come from.
pub fn run(libraries: &Libraries, scenario: &Scenario) -> Result<(Outcome, Vec<Record>)> {
    let seed = scenario.seed;
    let flows = scenario
        .flows
        .iter()
        .map(|spec| Flow { spec: spec.clone(), ends: None, record: Record::new(spec.begin) })
        .collect();
    let mut simulation = Simulation {
        libraries,
        window: scenario.window,
        seed,
        now: Nanos(0),
        forward: Link::new(scenario.forward.clone(), seed, 0),
        back: Link::new(scenario.back.clone(), seed, 1),
        flows,
        arrivals: BinaryHeap::new(),
        order: 0,
        digest: DefaultHasher::new(),
    };
    simulation.run_until(scenario.duration)?;
    Ok(simulation.finish(scenario))
}

impl Simulation<'_> {
    fn run_until(&mut self, end: Nanos) -> Result<()> {
        loop {
            let next = self.next_event();
            if next > end || self.all_done() {
                return Ok(());
            }
            self.now = next.max(self.now);
            self.begin_flows()?;
            self.forward.run_timers(self.now);
            self.back.run_timers(self.now);
            self.collect_arrivals();
            self.deliver();
            self.run_timers();
        }
    }

    fn next_event(&self) -> Nanos {
        let arrival = self.arrivals.peek().map_or(Nanos::NEVER, |Reverse(a)| a.at);
        self.flows
            .iter()
            .map(|flow| match &flow.ends {
                Some((sender, receiver)) => sender.deadline.min(receiver.deadline),
                None => flow.spec.begin,
            })
            .chain([arrival, self.forward.deadline(), self.back.deadline()])
            .min()
            .unwrap_or(Nanos::NEVER)
    }

    /// Nothing more will happen that the figures count.
    fn all_done(&self) -> bool {
        self.flows.iter().all(|flow| {
            let all = flow.spec.limit.is_some_and(|limit| flow.record.delivered >= limit);
            let closed = !flow.spec.close || flow.record.closed.is_some();
            (all && closed) || flow.record.failed.is_some()
        })
    }

    fn begin_flows(&mut self) -> Result<()> {
        for index in 0..self.flows.len() {
            let flow = &self.flows[index];
            if flow.ends.is_some() || flow.spec.begin > self.now {
                continue;
            }
            let mut stream = Stream::new(self.seed, 1_000 + index as u64);
            let mut end = |tcp: &Tcp, role| -> Result<End> {
                let job = Job {
                    role,
                    seed: stream.next_u32(),
                    window: self.window,
                    limit: flow.spec.limit,
                    close: flow.spec.close,
                    nagle: flow.spec.nagle,
                };
                let endpoint = open(self.libraries, tcp, &job)?;
                Ok(End { endpoint, deadline: Nanos::NEVER })
            };
            let receiver = end(&flow.spec.receiver, Role::Receiver)?;
            let sender = end(&flow.spec.sender, Role::Sender)?;
            self.flows[index].ends = Some((sender, receiver));
            self.step(index, Side::Receiver, |_, _| {});
            // smoltcp says nothing before it is polled.
            self.step(index, Side::Sender, |endpoint, now| endpoint.run_timers(now));
        }
        Ok(())
    }

    fn deliver(&mut self) {
        while self.arrivals.peek().is_some_and(|Reverse(a)| a.at <= self.now) {
            let Some(Reverse(arrival)) = self.arrivals.pop() else { break };
            let Packet { flow, data, headers, transmission, spoiled } = arrival.packet;
            let to_sender = arrival.to == Side::Sender;
            (self.now.0, flow, to_sender, headers.seq, headers.ack, headers.len).hash(&mut self.digest);
            if let (Some(transmission), false) = (transmission, spoiled) {
                self.flows[flow].record.on_arrived(transmission);
            }
            self.step(flow, arrival.to, |endpoint, now| endpoint.input(now, &data));
        }
    }

    fn run_timers(&mut self) {
        for index in 0..self.flows.len() {
            for side in [Side::Sender, Side::Receiver] {
                let due = match (&self.flows[index].ends, side) {
                    (Some((sender, _)), Side::Sender) => sender.deadline,
                    (Some((_, receiver)), Side::Receiver) => receiver.deadline,
                    (None, _) => continue,
                };
                if due <= self.now {
                    self.step(index, side, |endpoint, now| endpoint.run_timers(now));
                }
            }
        }
    }

    /// Lets an endpoint do something, and takes what came of it.
    fn step(&mut self, index: usize, side: Side, act: impl FnOnce(&mut dyn Endpoint, Nanos)) {
        let now = self.now;
        let flow = &mut self.flows[index];
        let Some((sender, receiver)) = &mut flow.ends else { return };
        let end = if side == Side::Sender { sender } else { receiver };
        act(end.endpoint.as_mut(), now);
        let out = end.endpoint.take();
        end.deadline = end.endpoint.deadline(now).max(now.plus(Nanos::STEP));
        let record = &mut flow.record;
        if out.delivered > 0 {
            record.on_delivered(now, out.delivered, out.wrong);
        }
        if out.connected && side == Side::Sender {
            record.connected = record.connected.or(Some(now));
        }
        if out.peer_closed && side == Side::Receiver {
            record.closed = record.closed.or(Some(now));
        }
        if let Some(reason) = out.failed {
            let who = if side == Side::Sender { "sender" } else { "receiver" };
            record.failed.get_or_insert(format!("{who}: {reason}"));
        }
        for data in out.packets {
            let headers = Headers::read(&data).unwrap_or_default();
            let transmission = match side {
                Side::Sender => record.on_sent(now, &headers),
                Side::Receiver => None,
            };
            let packet = Packet { flow: index, data, headers, transmission, spoiled: false };
            match side {
                Side::Sender => self.forward.send(now, packet),
                Side::Receiver => self.back.send(now, packet),
            }
        }
        self.collect_arrivals();
    }

    fn collect_arrivals(&mut self) {
        for (link, to) in [(&mut self.forward, Side::Receiver), (&mut self.back, Side::Sender)] {
            for (at, packet) in link.arrivals.drain(..) {
                self.order += 1;
                self.arrivals.push(Reverse(Arrival { at, order: self.order, to, packet }));
            }
        }
        for (flow, wait) in self.forward.waits.drain(..) {
            self.flows[flow].record.waits.push((self.now, wait));
        }
        self.back.waits.clear();
    }

    fn finish(self, scenario: &Scenario) -> (Outcome, Vec<Record>) {
        let end = scenario.duration;
        let rate = scenario.forward.rate;
        let flows: Vec<FlowFigures> =
            self.flows.iter().map(|flow| flow.record.figures(&flow.spec.sender, end, rate, flow.spec.limit)).collect();
        let goodputs: Vec<f64> = flows.iter().map(|f| f.goodput).collect();
        let outcome = Outcome {
            jain: jain(&goodputs),
            flows,
            forward: self.forward.counts,
            back: self.back.counts,
            digest: self.digest.finish(),
        };
        (outcome, self.flows.into_iter().map(|flow| flow.record).collect())
    }
}
