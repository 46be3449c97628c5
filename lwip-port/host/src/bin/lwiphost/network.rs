//! From the options of the command line to a device.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, anyhow, bail};
use lwip_host::device::{
    Capabilities, Device, Loopback, Medium, PacketSocket, StreamDevice, Traffic, TunTap, TunTapSettings,
};
use lwip_host::link::{Link, LinkCounters};
use lwip_host::netns::{Namespace, STACK_V4, STACK_V6};
use lwip_host::pcap::Recorder;
use nix::errno::Errno;
use nix::unistd::{dup2_stdin, dup2_stdout};

use crate::cli::{DeviceSpec, NetworkOptions, Prefixed};
use crate::output::note;

/// Frames that a device in memory holds.
const QUEUE: usize = 1024;
const DEFAULT_MTU: u16 = 1500;

/// A device with all that the options put around it, and who watches over it.
pub struct Network {
    pub device: Box<dyn Device>,
    pub addresses: Vec<Prefixed>,
    pub watch: Watch,
}

/// What is still to be told of a network when the stack has its device.
pub struct Watch {
    link: Option<Arc<LinkCounters>>,
    recording: Option<Arc<OnceLock<std::io::Error>>>,
    /// The far end, if `--device exec:` started it. It ends with us.
    _far_end: Option<FarEnd>,
}

struct FarEnd(Child);

impl Drop for FarEnd {
    fn drop(&mut self) {
        // It has seen the end of its input; what does not end by that is ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The network cannot be had; the exit status is another one then.
#[derive(Debug)]
pub struct Unavailable;

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no network")
    }
}

/// The device that the options name, or that of the namespace that the process has entered.
pub fn open(options: &NetworkOptions, namespace: Option<&Namespace>) -> Result<Network> {
    let (device, far_end) = bare(options, namespace).context(Unavailable)?;
    surround(device, options, far_end)
}

/// As [`open`], for a command that needs no more than a wire in memory.
pub fn open_or_loopback(options: &NetworkOptions, namespace: Option<&Namespace>) -> Result<Network> {
    if namespace.is_none() && options.device.is_none() {
        return surround(Box::new(Loopback::mirror(options.mtu.unwrap_or(DEFAULT_MTU).into(), QUEUE)), options, None);
    }
    open(options, namespace)
}

fn surround(device: Box<dyn Device>, options: &NetworkOptions, far_end: Option<FarEnd>) -> Result<Network> {
    let (sending, receiving) = options.link.impairments();
    let mut watch = Watch { link: None, recording: None, _far_end: far_end };
    let mut device = device;
    if !(sending.is_none() && receiving.is_none()) {
        let seed = options.link.seed.unwrap_or_else(rand::random);
        note!("link emulator: --seed {seed} repeats this");
        let link = Link::new(device, sending, receiving, seed);
        watch.link = Some(link.counters());
        device = Box::new(link);
    }
    if let Some(file) = &options.pcap {
        let recorder =
            Recorder::create(device, file).with_context(|| format!("cannot record to {}", file.display()))?;
        watch.recording = Some(recorder.failure());
        device = Box::new(recorder);
    }
    Ok(Network { device, addresses: addresses(options), watch })
}

/// Those of the stack.
pub fn addresses(options: &NetworkOptions) -> Vec<Prefixed> {
    match options.addresses.as_slice() {
        [] => vec![
            Prefixed { address: STACK_V4.0.into(), prefix: STACK_V4.1 },
            Prefixed { address: STACK_V6.0.into(), prefix: STACK_V6.1 },
        ],
        given => given.to_vec(),
    }
}

/// Those of the kernel's end of a wire of one's own: in each of the stack's networks the first address that is not the stack's.
pub fn kernel_addresses(options: &NetworkOptions) -> Vec<Prefixed> {
    addresses(options).into_iter().filter_map(neighbour).collect()
}

/// None where the network has room for one address only.
fn neighbour(Prefixed { address, prefix }: Prefixed) -> Option<Prefixed> {
    let (bits, own) = match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    if u32::from(prefix) + 2 > bits {
        return None;
    }
    let network =
        own.checked_shr(bits - u32::from(prefix)).unwrap_or(0).checked_shl(bits - u32::from(prefix)).unwrap_or(0);
    let first = network + 1;
    let other = if own == first { network + 2 } else { first };
    let address = match address {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(other).ok()?.into()),
        IpAddr::V6(_) => IpAddr::V6(other.into()),
    };
    Some(Prefixed { address, prefix })
}

fn memory(options: &NetworkOptions) -> Capabilities {
    Capabilities { medium: Medium::Ethernet, mtu: options.mtu.unwrap_or(DEFAULT_MTU).into() }
}

type Bare = (Box<dyn Device>, Option<FarEnd>);

fn bare(options: &NetworkOptions, namespace: Option<&Namespace>) -> Result<Bare> {
    if let Some(namespace) = namespace {
        let mut kernel: Vec<_> =
            kernel_addresses(options).into_iter().map(|Prefixed { address, prefix }| (address, prefix)).collect();
        // RFC 8200 5: no IPv6 on a link whose MTU is smaller; the kernel takes its address away.
        kernel.retain(|(address, _)| address.is_ipv4() || options.mtu.is_none_or(|mtu| mtu >= 1280));
        let tap = namespace.tap(options.mtu, &kernel).context("no TAP device in the namespace")?;
        return Ok((Box::new(tap), None));
    }
    let Some(spec) = &options.device else {
        bail!("which network? --netns makes one for this command alone; --device names one (see --help)");
    };
    let settings = |name: &str| TunTapSettings { name: Some(name.to_owned()), mtu: options.mtu, ..Default::default() };
    let device: Box<dyn Device> = match spec {
        DeviceSpec::Tap(name) => Box::new(
            TunTap::tap(&settings(name))
                .map_err(|error| explain(&error, &format!("no TAP device {name}"), TAP_ADVICE))?,
        ),
        DeviceSpec::Tun(name) => Box::new(
            TunTap::tun(&settings(name))
                .map_err(|error| explain(&error, &format!("no TUN device {name}"), TUN_ADVICE))?,
        ),
        DeviceSpec::Packet(name) => Box::new(packet(name, Traffic::Incoming)?),
        DeviceSpec::Loopback => Box::new(Loopback::mirror(options.mtu.unwrap_or(DEFAULT_MTU).into(), QUEUE)),
        DeviceSpec::Stdio => Box::new(stdio(memory(options)).context("standard input and output")?),
        DeviceSpec::Exec(command) => return exec(command, memory(options)),
    };
    Ok((device, None))
}

const TAP_ADVICE: &str = "it takes root, or an interface that was made for this user: \
                          `ip tuntap add dev NAME mode tap user $USER`; or use --netns";
const TUN_ADVICE: &str = "it takes root, or an interface that was made for this user: \
                          `ip tuntap add dev NAME mode tun user $USER`";
const PACKET_ADVICE: &str = "it takes root, or CAP_NET_RAW: `setcap cap_net_raw+ep` on this program";

/// What went wrong, and what helps against it, if that is known. `permission` is what helps against a lack of privilege.
fn explain(error: &io::Error, what: &str, permission: &str) -> anyhow::Error {
    let advice = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => permission,
        Some(Errno::ENODEV | Errno::ENXIO) => "`ip link` lists the interfaces that there are",
        Some(Errno::ENOENT) => "/dev/net/tun is missing: `modprobe tun`",
        Some(Errno::EBUSY) => "another program is attached to it",
        Some(Errno::EINVAL) => "there is an interface of that name, and it is of another kind; or the name is none",
        _ => return anyhow!("{what}: {error}"),
    };
    anyhow!("{what}: {error}: {advice}")
}

/// The interface itself.
pub fn packet(name: &str, traffic: Traffic) -> Result<PacketSocket> {
    PacketSocket::open(name, traffic)
        .map_err(|error| explain(&error, &format!("no packet socket on {name}"), PACKET_ADVICE))
}

/// Frames on standard input and output; whatever a command prints goes to standard error from then on, and it has no input.
fn stdio(capabilities: Capabilities) -> io::Result<StreamDevice> {
    let device = StreamDevice::stdio(capabilities)?;
    dup2_stdout(io::stderr())?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(device)
}

/// Starts a command that has the far end of the wire as its standard input and output.
fn exec(command: &str, capabilities: Capabilities) -> Result<Bare> {
    let (near, far) = UnixStream::pair().context("no socket pair")?;
    let input: OwnedFd = far.try_clone().context("no socket pair")?.into();
    let output: OwnedFd = far.into();
    let child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .spawn()
        .with_context(|| format!("cannot start {command}"))?;
    let device = StreamDevice::socket(near, capabilities).context("the socket pair")?;
    Ok((Box::new(device), Some(FarEnd(child))))
}

impl Watch {
    /// What there is to say at the end.
    pub fn report(&self) {
        if let Some(counters) = &self.link {
            note!("link emulator: sent {}; received {}", counters.sending(), counters.receiving());
        }
        if let Some(error) = self.recording.as_ref().and_then(|failure| failure.get()) {
            note!("the recording is not complete: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use lwip_host::netns::{KERNEL_V4, KERNEL_V6};

    use super::*;

    #[test]
    fn the_kernel_is_in_the_stacks_networks() {
        let kernel = |text: &str| neighbour(text.parse().unwrap()).map(|kernel| (kernel.address, kernel.prefix));
        assert_eq!(kernel("192.0.2.2/24"), Some((KERNEL_V4.0.into(), 24)));
        assert_eq!(kernel("fd6c:7769:7000::2/64"), Some((KERNEL_V6.0.into(), 64)));
        assert_eq!(kernel("10.1.2.1/8"), Some(("10.0.0.1".parse().unwrap(), 8)));
        assert_eq!(kernel("10.0.0.1/30"), Some(("10.0.0.2".parse().unwrap(), 30)));
        assert_eq!(kernel("10.0.0.1/0"), Some(("0.0.0.1".parse().unwrap(), 0)));
        assert_eq!(kernel("10.0.0.1/31"), None);
        assert_eq!(kernel("fd00::1/128"), None);
        assert_eq!(kernel("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), None);
    }
}
