//! `lwiphost httpd`: the file server on lwIP's BSD sockets, behind this program's network.
//!
//! It is a program of its own, lwip-port/httpd: lwIP's globals allow one stack per process, and its sockets want lwIP built with
//! threads. What this command adds is a namespace, the link emulator and the recording.

use std::env;
use std::io::{self, BufRead as _, BufReader};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use lwip_host::device::{Device, Medium, PacketSocket, Readiness};
use lwip_host::netns::{Namespace, STACK_V4, STACK_V6};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cli::{DeviceSpec, FAILED, HttpdOptions, NetworkOptions};
use crate::network::{self, Network, Unavailable, Watch};
use crate::output::{note, say};
use crate::{netns_run, server};

const PROGRAM: &str = "lwiphost-httpd";
/// The server's own TAP interface in the namespace.
const INTERFACE: &str = "httpd0";
/// How often to look whether the server has ended by itself.
const LOOK: Duration = Duration::from_millis(100);

pub fn run(options: &HttpdOptions, network: &NetworkOptions, namespace: Option<&Namespace>) -> Result<ExitCode> {
    let program = find()?;
    // Before anything starts a thread.
    let place = Place::find(network, namespace)?;
    let interrupted = server::interrupts()?;
    let (interface, wire) = match place {
        Place::Interface(name) => (name, None),
        Place::Behind(network, near) => (INTERFACE.to_owned(), Some(Wire::start(network, near)?)),
    };
    let mut child =
        Server(command(&program, options, network, &interface)?.spawn().context(program.display().to_string())?);
    let said = BufReader::new(child.0.stdout.take().context("the server has no output")?);
    let Some(line) = said.lines().next().transpose().context("the server's output")? else {
        let status = child.0.wait().context("the server was lost")?;
        bail!("{PROGRAM} does not start: {status}");
    };
    say!("{line}")?;
    let code = match (&network.run, namespace) {
        (Some(command), _) => netns_run::finish(netns_run::start(command, network)?)?,
        (None, namespace) => {
            if let Some(namespace) = namespace {
                netns_run::announce(namespace, network);
            }
            loop {
                match interrupted.recv_timeout(LOOK) {
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break ExitCode::SUCCESS,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if wire.as_ref().is_some_and(Wire::is_broken) {
                    break ExitCode::SUCCESS;
                }
                if let Some(status) = child.0.try_wait().context("the server was lost")? {
                    bail!("{PROGRAM} has ended: {status}");
                }
            }
        }
    };
    let ended = child.end()?;
    if let Some(wire) = wire {
        wire.stop();
    }
    Ok(if ended { code } else { ExitCode::from(FAILED) })
}

/// Where the server is plugged in.
enum Place {
    /// The interface is the server's own, and nobody is in between.
    Interface(String),
    /// Behind a wire of ours, the near end of which is in a namespace that this process is in by now.
    Behind(Network, PacketSocket),
}

impl Place {
    fn find(options: &NetworkOptions, namespace: Option<&Namespace>) -> Result<Self> {
        let (sending, receiving) = options.link.impairments();
        let bare = options.pcap.is_none() && sending.is_none() && receiving.is_none();
        if let Some(DeviceSpec::Tap(name)) = options.device.as_ref().filter(|_| bare) {
            return Ok(Self::Interface(name.clone()));
        }
        // What was opened before a namespace is entered stays where it is.
        let network = network::open(options, namespace)?;
        if !matches!(network.device.readiness(), Readiness::Fd(_)) || network.device.capabilities().medium == Medium::Ip
        {
            return Err(
                anyhow!("the server has an Ethernet interface, and wants one at the far end").context(Unavailable)
            );
        }
        let near = match namespace {
            Some(namespace) => namespace.wire(INTERFACE, options.mtu),
            None if options.run.is_some() => bail!("--run goes with --netns here"),
            None => Namespace::enter().and_then(|namespace| namespace.wire(INTERFACE, options.mtu)),
        };
        Ok(Self::Behind(network, near.context("no interface for the server").context(Unavailable)?))
    }
}

/// Beside this program, or on PATH, or where cargo has built it in the repository that it has built this one in.
fn find() -> Result<PathBuf> {
    let own = env::current_exe().ok().and_then(|own| own.parent().map(Path::to_owned));
    let built = own.as_ref().and_then(|own| Some(own.join("../../../httpd/target").join(own.file_name()?)));
    let path = env::var_os("PATH").unwrap_or_default();
    let places = own.into_iter().chain(env::split_paths(&path)).chain(built).map(|folder| folder.join(PROGRAM));
    places.into_iter().find(|place| place.is_file()).with_context(|| {
        format!(
            "{PROGRAM} is neither beside this program nor on PATH. It is built by\n  \
             cargo build --release --manifest-path lwip-port/httpd/Cargo.toml\n\
             into lwip-port/httpd/target/release"
        )
    })
}

fn command(program: &PathBuf, options: &HttpdOptions, network: &NetworkOptions, interface: &str) -> Result<Command> {
    if network.dhcp {
        bail!("httpd takes its addresses from --ip, not from DHCP");
    }
    let (mut four, mut six) = ((STACK_V4.0, STACK_V4.1), Some(STACK_V6.0));
    if !network.addresses.is_empty() {
        six = None;
    }
    for given in &network.addresses {
        match given.address {
            IpAddr::V4(address) => four = (address, given.prefix),
            IpAddr::V6(address) => six = Some(address),
        }
    }
    let mut command = Command::new(program);
    command.arg(&options.folder).args(["--tap", interface, "--port", &options.port.to_string()]);
    command.arg("--ip4").arg(format!("{}/{}", four.0, four.1));
    if let Some(six) = six.filter(|_| network.mtu.is_none_or(|mtu| mtu >= 1280)) {
        command.arg("--ip6").arg(six.to_string());
    }
    for gateway in &network.gateway {
        command.arg("--gateway").arg(gateway.to_string());
    }
    command.args(&options.more).stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command)
}

/// The program; it does not outlive us.
struct Server(Child);

impl Server {
    /// Asks it to end, as Ctrl-C does; whether all went well with it.
    fn end(mut self) -> Result<bool> {
        let process = i32::try_from(self.0.id()).context("its process number")?;
        // One that has ended by itself is not waited for yet: the number is still its own.
        kill(Pid::from_raw(process), Signal::SIGINT).context("cannot end the server")?;
        Ok(self.0.wait().context("the server was lost")?.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Carries frames between the server's interface and the kernel's, through what the options put in between.
struct Wire {
    thread: JoinHandle<Result<()>>,
    /// Closed, it ends the thread.
    end: UnixStream,
    watch: Watch,
}

impl Wire {
    fn start(network: Network, mut far: PacketSocket) -> Result<Self> {
        let Network { mut device, watch, .. } = network;
        let (end, ended) = UnixStream::pair().context("no socket pair")?;
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; far.capabilities().frame().max(device.capabilities().frame())];
            loop {
                carry(&mut far, &mut device, &mut buffer)?;
                carry(&mut device, &mut far, &mut buffer)?;
                if !wait(&far, &device, &ended)? {
                    return Ok(());
                }
            }
        });
        Ok(Self { thread, end, watch })
    }

    /// Whether the far end is gone.
    fn is_broken(&self) -> bool {
        self.thread.is_finished()
    }

    fn stop(self) {
        drop(self.end);
        match self.thread.join() {
            Ok(Err(error)) if is_end(&error) => note!("the far end of the device is gone"),
            Ok(Err(error)) => note!("the wire broke: {error:#}"),
            Ok(Ok(())) | Err(_) => {}
        }
        self.watch.report();
    }
}

fn is_end(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// All that is there. What one side has no room for is lost, as on any wire.
fn carry(from: &mut dyn Device, to: &mut dyn Device, buffer: &mut [u8]) -> Result<()> {
    loop {
        let length = match from.receive(buffer) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(()),
            // It may come up again.
            Err(error) if error.kind() == io::ErrorKind::NetworkDown => return Ok(()),
            Err(error) => return Err(error).context("the wire"),
        };
        match to.send(buffer.get(..length).unwrap_or_default()) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error).context("the wire"),
            _ => {}
        }
    }
}

/// Until there is a frame, or one is due; `false` at the end.
fn wait(far: &dyn Device, near: &dyn Device, ended: &UnixStream) -> Result<bool> {
    let (Readiness::Fd(far_end), Readiness::Fd(near_end)) = (far.readiness(), near.readiness()) else {
        bail!("a device without a descriptor");
    };
    // Rounded up: a deadline is not met a little too early.
    let timeout = near.deadline().map_or(PollTimeout::NONE, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    });
    let mut all = [far_end, near_end, ended.as_fd()].map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
    match poll(&mut all, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(!all[2].any().unwrap_or(false)),
        Err(error) => Err(error).context("cannot wait for a frame"),
    }
}
