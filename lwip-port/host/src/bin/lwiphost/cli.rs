//! The command line: what each option means, and what it may be.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lwip_host::link::{Chance, Impairments, Rate};

/// Exit status: what was asked for did not come about (no answer, another checksum, a refused connection).
pub const FAILED: u8 = 1;
/// Exit status: the network cannot be had (no device, no privilege). 2 is a wrong command line.
pub const NO_NETWORK: u8 = 3;

/// A TCP/IP stack in one program: lwIP with its TCP in Rust, on a network that you choose.
///
/// The quickest way to see it work, without root and without touching your network:
///
///   lwiphost server --netns --run 'ping -c 3 $LWIP4; curl -s telnet://$LWIP4:6969'
///   lwiphost loopback --bytes 100M --drop-chance 1%
#[derive(Parser, Debug)]
#[command(name = "lwiphost", version, max_term_width = 110, verbatim_doc_comment)]
#[command(
    after_help = "Exit status: 0 all went well; 1 it did not (no answer, a refused connection, other data than sent); \
2 a wrong command line; 3 no such network (no device, no privilege).\n\
`lwiphost COMMAND --help` tells all options of a command, `-h` the short form."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub network: NetworkOptions,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Answer ping, and serve small services (echo, discard, chargen, hello) until Ctrl-C
    Server(ServerOptions),
    /// Connect to a port: standard input goes there, what comes from there goes to standard output
    Client(ClientOptions),
    /// Send ICMP echo requests, as ping(8) does
    Ping(PingOptions),
    /// Fetch a page by HTTP/1.1
    HttpGet(HttpGetOptions),
    /// Print every frame on an interface: ARP, IPv4, IPv6, ICMP, UDP, TCP
    Tcpdump(TcpdumpOptions),
    /// Server and client in one, over a wire in memory: no privilege, and the data is checked
    Loopback(LoopbackOptions),
    /// Serve the files of a folder by HTTP/1.1, on lwIP's BSD sockets (the program lwiphost-httpd, with a stack of its own)
    Httpd(HttpdOptions),
    /// Measure the throughput to or from an iperf (version 2) elsewhere
    Iperf(IperfOptions),
    /// Show the connections of a running `lwiphost server`, once a second
    Stat(StatOptions),
}

/// Where the stack is plugged in, and what the wire does to frames. The same for every command.
#[derive(Args, Debug, Clone)]
pub struct NetworkOptions {
    /// Make a network of its own: a namespace with a TAP device, the kernel at its other end. Needs no root, and is gone at
    /// the end
    #[arg(long, global = true, help_heading = "Network", conflicts_with = "device")]
    pub netns: bool,

    /// Run this shell command, with --netns in the namespace, once the stack is up. `server` ends with it, and with its exit
    /// status; other commands end it when they end. $LWIP4 and $LWIP6 are the stack's addresses, $KERNEL4 and $KERNEL6 the
    /// kernel's
    #[arg(long, global = true, value_name = "COMMAND", help_heading = "Network")]
    pub run: Option<String>,

    /// What to plug the stack into:
    ///   tap:NAME      a TAP interface (Ethernet frames; made if it is not there)
    ///   tun:NAME      a TUN interface (IP packets)
    ///   packet:NAME   the interface NAME itself, beside the kernel (needs CAP_NET_RAW)
    ///   stdio         frames on standard input and output, each with its length in 4 octets before it
    ///   exec:COMMAND  the same, with a command that is started: joins two of this program
    ///   loopback      what is sent comes back
    #[arg(long, global = true, value_name = "DEVICE", help_heading = "Network", verbatim_doc_comment)]
    pub device: Option<DeviceSpec>,

    /// An address of the stack, with the length of its prefix; may be given more than once. 192.0.2.2/24 and
    /// fd6c:7769:7000::2/64 if there is none. With --netns the kernel has another one of the same network, its first or second
    #[arg(long = "ip", global = true, value_name = "ADDRESS/PREFIX", help_heading = "Network")]
    pub addresses: Vec<Prefixed>,

    /// Where packets to other networks go
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Network")]
    pub gateway: Vec<IpAddr>,

    /// A name server
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Network")]
    pub dns: Vec<IpAddr>,

    /// Ask a DHCP server for the IPv4 address
    #[arg(long, global = true, help_heading = "Network")]
    pub dhcp: bool,

    /// The longest IP packet in octets; that of the interface, or 1500, if not given
    #[arg(long, global = true, value_name = "OCTETS", help_heading = "Network", value_parser = clap::value_parser!(u16).range(68..))]
    pub mtu: Option<u16>,

    /// Record what the stack sees, for tcpdump and Wireshark (pcapng)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Network")]
    pub pcap: Option<PathBuf>,

    #[command(flatten)]
    pub link: LinkOptions,
}

/// Which of the two directions the link emulator works on.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directions {
    /// What the stack sends
    Tx,
    /// What the stack receives
    Rx,
    /// Both, each with numbers of its own
    Both,
}

#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Link emulator (chances in percent)")]
pub struct LinkOptions {
    /// How many frames are lost
    #[arg(long, global = true, value_name = "PERCENT", value_parser = chance, default_value = "0", hide_default_value = true)]
    pub drop_chance: Chance,

    /// How many packets of connections that know of ECN are marked: congestion experienced
    #[arg(long, global = true, value_name = "PERCENT", value_parser = chance, default_value = "0", hide_default_value = true)]
    pub mark_chance: Chance,

    /// In how many frames one octet is changed
    #[arg(long, global = true, value_name = "PERCENT", value_parser = chance, default_value = "0", hide_default_value = true)]
    pub corrupt_chance: Chance,

    /// How many frames arrive twice
    #[arg(long, global = true, value_name = "PERCENT", value_parser = chance, default_value = "0", hide_default_value = true)]
    pub duplicate_chance: Chance,

    /// How many frames are overtaken by up to three later ones
    #[arg(long, global = true, value_name = "PERCENT", value_parser = chance, default_value = "0", hide_default_value = true)]
    pub reorder_chance: Chance,

    /// Frames longer than this are lost
    #[arg(long, global = true, value_name = "OCTETS")]
    pub size_limit: Option<usize>,

    /// How long a frame takes (50ms, 0.2s; a number alone is milliseconds)
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "0", hide_default_value = true)]
    pub delay: Duration,

    /// How much longer it may take at random
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "0", hide_default_value = true)]
    pub jitter: Duration,

    /// How much may be sent: frames per shaping interval (100), or bits per second (10Mbit)
    #[arg(long, global = true, value_name = "RATE", value_parser = rate)]
    pub tx_rate_limit: Option<RateLimit>,

    /// How much may be received, likewise
    #[arg(long, global = true, value_name = "RATE", value_parser = rate)]
    pub rx_rate_limit: Option<RateLimit>,

    /// The interval of the rate limits in frames
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "50ms")]
    pub shaping_interval: Duration,

    /// How many frames wait for a rate limit; more are lost
    #[arg(long, global = true, value_name = "FRAMES", default_value_t = Impairments::NONE.queue)]
    pub queue: usize,

    /// Which direction all this happens to; the rate limits have their own
    #[arg(long, global = true, value_enum, default_value = "both")]
    pub direction: Directions,

    /// Where the random numbers start: the same seed, the same losses. A fresh one if not given
    #[arg(long, global = true, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

#[derive(Args, Debug)]
pub struct ServerOptions {
    /// Do not print the counters
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Debug)]
pub struct ClientOptions {
    /// The address or name to connect to
    pub host: String,
    /// The TCP port
    pub port: u16,
    /// How long to wait for the connection
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct PingOptions {
    /// The address or name to ping
    pub host: String,
    /// How many requests to send
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub count: u16,
    /// The time between two requests
    #[arg(short, long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub interval: Duration,
    /// Octets of data in each
    #[arg(short, long, default_value_t = 56, value_parser = clap::value_parser!(u16).range(..=65_000))]
    pub size: u16,
    /// How long to wait for the last answer
    #[arg(short = 'W', long, value_name = "TIME", value_parser = duration, default_value = "2s")]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct HttpGetOptions {
    /// For example http://192.0.2.1:8000/index.html, or http://[fd6c:7769:7000::1]/
    pub url: String,
    /// Write the body to this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only ask for the headers
    #[arg(short = 'I', long)]
    pub head: bool,
    /// How long to wait for the connection, and for each piece of the answer
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct HttpdOptions {
    /// The folder; / lists it, and /_stack shows the TCP connections
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The TCP port
    #[arg(short, long, default_value_t = 80)]
    pub port: u16,
    /// Further options of lwiphost-httpd, behind --: limits and timeouts (lwiphost-httpd --help)
    #[arg(last = true, value_name = "OPTION")]
    pub more: Vec<String>,
}

#[derive(Args, Debug)]
pub struct TcpdumpOptions {
    /// The interface of the kernel to listen to (needs CAP_NET_RAW); or say --device
    #[arg(short, long, value_name = "IFACE", conflicts_with_all = ["device", "netns"])]
    pub interface: Option<String>,
    /// Read from this file (pcapng, as --pcap writes it) instead of an interface
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["interface", "device", "netns"])]
    pub read: Option<PathBuf>,
    /// End after so many frames
    #[arg(short, long, value_name = "FRAMES")]
    pub count: Option<u64>,
    /// Only frames from or to this address
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<IpAddr>,
    /// Only TCP and UDP from or to this port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Print the octets too
    #[arg(short = 'x', long)]
    pub hex: bool,
}

#[derive(Args, Debug)]
pub struct LoopbackOptions {
    /// How much to send (k, M and G mean powers of 1000)
    #[arg(short, long, value_name = "BYTES", value_parser = size, default_value = "100M")]
    pub bytes: u64,
    /// Over how many connections at a time
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub connections: u16,
}

#[derive(Args, Debug)]
pub struct IperfOptions {
    /// Wait for clients
    #[arg(short, long, conflicts_with = "client", required_unless_present = "client")]
    pub server: bool,
    /// Send to the iperf server there
    #[arg(short, long, value_name = "HOST")]
    pub client: Option<String>,
    #[arg(short, long, default_value_t = 5001)]
    pub port: u16,
    /// How long to send
    #[arg(short, long, value_name = "TIME", value_parser = seconds, default_value = "10s")]
    pub time: Duration,
    /// How much to send, instead of how long
    #[arg(short = 'n', long, value_name = "BYTES", value_parser = size)]
    pub bytes: Option<u64>,
    /// The time between two lines
    #[arg(short, long, value_name = "TIME", value_parser = seconds, default_value = "1s")]
    pub interval: Duration,
    /// As a server: end after one client
    #[arg(short = '1', long, requires = "server")]
    pub one: bool,
}

#[derive(Args, Debug)]
pub struct StatOptions {
    /// The server's process; needed only if there are several
    #[arg(value_name = "PID")]
    pub process: Option<u32>,
    /// The time between two tables
    #[arg(short, long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub interval: Duration,
    /// Print so many tables and end
    #[arg(short, long, value_name = "TABLES")]
    pub count: Option<u64>,
}

/// What `--device` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceSpec {
    Tap(String),
    Tun(String),
    Packet(String),
    Exec(String),
    Stdio,
    Loopback,
}

impl std::str::FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((_, "")) => Err("a name has to follow the colon".to_owned()),
            Some(("tap", name)) => Ok(Self::Tap(name.to_owned())),
            Some(("tun", name)) => Ok(Self::Tun(name.to_owned())),
            Some(("packet", name)) => Ok(Self::Packet(name.to_owned())),
            Some(("exec", command)) => Ok(Self::Exec(command.to_owned())),
            None if text == "stdio" => Ok(Self::Stdio),
            None if text == "loopback" => Ok(Self::Loopback),
            _ => Err("it is one of tap:NAME, tun:NAME, packet:NAME, exec:COMMAND, stdio, loopback".to_owned()),
        }
    }
}

/// An address with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixed {
    pub address: IpAddr,
    pub prefix: u8,
}

impl std::str::FromStr for Prefixed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| format!("{address} is no IPv4 or IPv6 address"))?;
        let (usual, most) = if address.is_ipv4() { (24, 32) } else { (64, 128) };
        let prefix =
            match prefix {
                None => usual,
                Some(text) => text.parse().ok().filter(|prefix| *prefix <= most).ok_or_else(|| {
                    format!("a prefix of this address has a length from 0 to {most}, and {text} is none")
                })?,
            };
        Ok(Self { address, prefix })
    }
}

/// A rate limit as it was written; how long the interval is another option tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    Frames(u32),
    BitsPerSecond(u64),
}

impl LinkOptions {
    /// What happens to what the stack sends, and to what it receives.
    pub fn impairments(&self) -> (Impairments, Impairments) {
        let all = Impairments {
            loss: self.drop_chance,
            marking: self.mark_chance,
            corruption: self.corrupt_chance,
            duplication: self.duplicate_chance,
            reordering: self.reorder_chance,
            delay: self.delay,
            jitter: self.jitter,
            size_limit: self.size_limit,
            rate: None,
            queue: self.queue,
        };
        let none = Impairments { queue: self.queue, ..Impairments::NONE };
        let (sending, receiving) = match self.direction {
            Directions::Both => (all, all),
            Directions::Tx => (all, none),
            Directions::Rx => (none, all),
        };
        let rate = |limit: Option<RateLimit>| {
            limit.map(|limit| match limit {
                RateLimit::Frames(count) => Rate::Frames { count, per: self.shaping_interval },
                RateLimit::BitsPerSecond(per_second) => Rate::Bits { per_second, burst: 0 },
            })
        };
        (
            Impairments { rate: rate(self.tx_rate_limit), ..sending },
            Impairments { rate: rate(self.rx_rate_limit), ..receiving },
        )
    }
}

fn chance(text: &str) -> Result<Chance, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let percent: f64 = number.parse().map_err(|_| format!("{text} is no number of percent"))?;
    Chance::new(percent / 100.0).ok_or_else(|| "a chance is from 0 to 100 percent".to_owned())
}

/// A number and what it is a number of.
fn quantity(text: &str) -> Result<(f64, &str), String> {
    let end = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    match number.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok((number, unit)),
        _ => Err(format!("{text} does not begin with a number")),
    }
}

fn time(text: &str, plain: f64) -> Result<Duration, String> {
    let (number, unit) = quantity(text)?;
    let seconds = match unit {
        "" => number * plain,
        "us" => number * 1e-6,
        "ms" => number * 1e-3,
        "s" => number,
        _ => return Err("a time is written as 20us, 50ms or 1.5s".to_owned()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    time(text, 1e-3)
}

/// Where a number alone is seconds, as iperf has it.
fn seconds(text: &str) -> Result<Duration, String> {
    time(text, 1.0).and_then(|time| if time.is_zero() { Err("it has to be more than 0".to_owned()) } else { Ok(time) })
}

fn multiplier(unit: &str) -> Option<f64> {
    match unit {
        "" => Some(1.0),
        "k" | "K" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        _ => None,
    }
}

fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = quantity(text)?;
    let factor = multiplier(unit).ok_or("a size is written as 500, 64k, 100M or 1.5G")?;
    Ok((number * factor) as u64)
}

fn rate(text: &str) -> Result<RateLimit, String> {
    let advice = "a rate is a number of frames (100), or of bits per second (64kbit, 10Mbit, 1Gbit)";
    let limit = match text.strip_suffix("bit") {
        None => RateLimit::Frames(text.parse().map_err(|_| advice)?),
        Some(text) => {
            let (number, unit) = quantity(text)?;
            RateLimit::BitsPerSecond((number * multiplier(unit).ok_or(advice)?) as u64)
        }
    };
    match limit {
        RateLimit::Frames(0) | RateLimit::BitsPerSecond(0) => Err("nothing would ever pass at a rate of 0".to_owned()),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_options_go_before_and_after_the_command() {
        for arguments in
            [["lwiphost", "--drop-chance", "5%", "loopback"], ["lwiphost", "loopback", "--drop-chance", "5"]]
        {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.network.link.impairments().0.loss, Chance::new(0.05).unwrap());
        }
    }

    #[test]
    fn one_direction_can_be_spared() {
        let arguments = ["lwiphost", "server", "--delay", "50ms", "--direction", "rx", "--tx-rate-limit", "1Mbit"];
        let (sending, receiving) = Cli::try_parse_from(arguments).unwrap().network.link.impairments();
        assert_eq!((sending.delay, receiving.delay), (Duration::ZERO, Duration::from_millis(50)));
        assert_eq!((sending.rate, receiving.rate), (Some(Rate::Bits { per_second: 1_000_000, burst: 0 }), None));
    }

    #[test]
    fn units_are_understood() {
        assert_eq!(duration("7"), Ok(Duration::from_millis(7)));
        assert_eq!(seconds("7"), Ok(Duration::from_secs(7)));
        assert_eq!(duration("0.25s"), Ok(Duration::from_millis(250)));
        assert_eq!(size("1.5M"), Ok(1_500_000));
        assert_eq!(rate("10Mbit"), Ok(RateLimit::BitsPerSecond(10_000_000)));
        assert_eq!(rate("10"), Ok(RateLimit::Frames(10)));
        assert_eq!("10.0.0.1/8".parse(), Ok(Prefixed { address: [10, 0, 0, 1].into(), prefix: 8 }));
        assert_eq!("exec:a b:c".parse(), Ok(DeviceSpec::Exec("a b:c".to_owned())));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(chance("101").is_err() && chance("-1").is_err() && chance("x").is_err());
        assert!(duration("-1s").is_err() && duration("1 year").is_err() && seconds("0").is_err());
        assert!(size("many").is_err() && rate("0").is_err() && rate("5bits").is_err());
        assert!("10.0.0.1/33".parse::<Prefixed>().is_err() && "tap:".parse::<DeviceSpec>().is_err());
    }
}
