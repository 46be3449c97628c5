//! lwIP with C's TCP or with the Rust core, out of a shared object.
//!
//! lwIP keeps its state in globals. Each endpoint therefore is a copy of the shared object of its own (a file in memory
//! under a name of its own), so that the two ends, several flows and several TCPs live beside each other, and each run
//! starts from the same, untouched state.
//!
//! This is the one module with unsafe code: it calls C.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_void};
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow, bail, ensure};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};

use super::{Endpoint, Job, Outbox, Role, Tcp, pattern};
use crate::units::Nanos;

const API_VERSION: u32 = 1;
const NO_TIMEOUT: u32 = u32::MAX;

#[repr(C)]
struct Host {
    ctx: *const c_void,
    output: extern "C" fn(*const c_void, *const u8, u32),
    delivered: extern "C" fn(*const c_void, u32, u32),
    event: extern "C" fn(*const c_void, u32, i32),
}

#[repr(C)]
struct Config {
    role: u32,
    seed: u32,
    close: u32,
    nodelay: u32,
    limit: u64,
    pattern: *const u8,
    pattern_len: u32,
    start_ms: u32,
    congestion_control: *const c_char,
}

#[repr(C)]
struct Api {
    version: u32,
    init: unsafe extern "C" fn(*const Config, *const Host) -> i32,
    set_time: unsafe extern "C" fn(u32),
    input: unsafe extern "C" fn(*const u8, u32),
    run_timers: unsafe extern "C" fn(),
    sleep_ms: unsafe extern "C" fn() -> u32,
}

/// The shared objects that were built, read once.
pub struct Libraries {
    folder: PathBuf,
    images: Mutex<HashMap<PathBuf, &'static [u8]>>,
}

impl Libraries {
    /// Those in `folder`.
    pub fn new(folder: &Path) -> Libraries {
        Libraries { folder: folder.to_owned(), images: Mutex::new(HashMap::new()) }
    }

    fn path(&self, stack: &str, window: u32) -> PathBuf {
        self.folder.join(format!("endpoint-{stack}-{window}.so"))
    }

    /// Whether `tcp` with that window was built.
    pub fn has(&self, tcp: &Tcp, window: u32) -> bool {
        tcp.stack == "smoltcp" || self.path(&tcp.stack, window).is_file()
    }

    /// Whether the endpoint exists and takes the congestion control that is asked of it.
    pub fn can(&self, tcp: &Tcp, window: u32) -> bool {
        let job = Job { role: Role::Sender, seed: 1, window, limit: None, close: false, nagle: false };
        self.has(tcp, window) && super::open(self, tcp, &job).is_ok()
    }

    /// The stack and the window of each one there is.
    pub fn list(&self) -> Vec<(String, u32)> {
        let mut found: Vec<(String, u32)> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let (stack, window) = name.strip_prefix("endpoint-")?.strip_suffix(".so")?.rsplit_once('-')?;
                Some((stack.to_owned(), window.parse().ok()?))
            })
            .collect();
        found.sort();
        found
    }

    fn image(&self, stack: &str, window: u32) -> Result<&'static [u8]> {
        let path = self.path(stack, window);
        let mut images = self.images.lock().map_err(|_| anyhow!("another thread failed"))?;
        if let Some(image) = images.get(&path) {
            return Ok(image);
        }
        let image = fs::read(&path).with_context(|| {
            let there: Vec<String> = self.list().iter().map(|(s, w)| format!("{s} with {w}")).collect();
            format!(
                "no endpoint `{stack}` with a window of {window} B: {} cannot be read. Built are: {}. \
                 Build them with CMake (tests/sim/README.md) and name their folder with --endpoints",
                path.display(),
                if there.is_empty() { "none".to_owned() } else { there.join(", ") },
            )
        })?;
        // Read by all runs until the end of the process.
        let image: &'static [u8] = image.leak();
        images.insert(path, image);
        Ok(image)
    }
}

/// A copy of the shared object. Field order matters: unloaded first, then its name is free for another.
struct Instance {
    library: Library,
    _file: fs::File,
}

impl Instance {
    fn load(image: &[u8]) -> Result<Instance> {
        let mut file = memfd::MemfdOptions::default().create("endpoint")?.into_file();
        file.write_all(image)?;
        let name = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the object is the one that CMake builds from endpoint.c; it has no constructors.
        let library = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL) }?;
        Ok(Instance { library, _file: file })
    }

    fn api(&self) -> Result<*const Api> {
        // SAFETY: endpoint.h declares the symbol with this type.
        let entry: Symbol<unsafe extern "C" fn() -> *const Api> = unsafe { self.library.get(b"sim_endpoint\0") }?;
        // SAFETY: it only returns the address of a constant.
        let api = unsafe { entry() };
        // SAFETY: the version is the first field in all versions.
        let version = unsafe { (*api).version };
        ensure!(version == API_VERSION, "the endpoint is of version {version}, not {API_VERSION}: build it anew");
        Ok(api)
    }
}

/// One lwIP.
pub struct Lwip {
    api: *const Api,
    outbox: Box<RefCell<Outbox>>,
    _instance: Instance,
}

fn outbox<'a>(ctx: *const c_void) -> &'a RefCell<Outbox> {
    // SAFETY: ctx is the outbox that Lwip::new handed over; the Lwip, whose method is running, keeps it.
    unsafe { &*ctx.cast() }
}

extern "C" fn on_output(ctx: *const c_void, packet: *const u8, len: u32) {
    // SAFETY: endpoint.c passes a buffer of len bytes.
    let packet = unsafe { std::slice::from_raw_parts(packet, len as usize) };
    outbox(ctx).borrow_mut().packets.push(packet.to_vec());
}

extern "C" fn on_delivered(ctx: *const c_void, len: u32, wrong: u32) {
    let mut out = outbox(ctx).borrow_mut();
    out.delivered += u64::from(len);
    out.wrong |= wrong != 0;
}

extern "C" fn on_event(ctx: *const c_void, event: u32, err: i32) {
    let mut out = outbox(ctx).borrow_mut();
    match event {
        0 => out.connected = true,
        1 => out.failed = Some(format!("lwIP's err_t {err}")),
        2 => out.peer_closed = true,
        _ => {}
    }
}

impl Lwip {
    /// Loads and starts one.
    pub fn new(libraries: &Libraries, tcp: &Tcp, job: &Job) -> Result<Lwip> {
        let instance = Instance::load(libraries.image(&tcp.stack, job.window)?)?;
        let api = instance.api()?;
        let outbox = Box::new(RefCell::new(Outbox::default()));
        let control = tcp.congestion_control.as_deref().map(CString::new).transpose()?;
        let config = Config {
            role: u32::from(job.role == Role::Sender),
            seed: job.seed,
            close: u32::from(job.close),
            nodelay: u32::from(!job.nagle),
            limit: job.limit.unwrap_or(0),
            pattern: pattern().as_ptr(),
            pattern_len: pattern().len() as u32,
            start_ms: 0,
            // A receiver sends no data: what controls its congestion is all the same.
            congestion_control: match (&control, job.role) {
                (Some(name), Role::Sender) => name.as_ptr(),
                _ => std::ptr::null(),
            },
        };
        let ctx: *const RefCell<Outbox> = &*outbox;
        let host = Host { ctx: ctx.cast(), output: on_output, delivered: on_delivered, event: on_event };
        // SAFETY: both structures mirror endpoint.h; the endpoint copies them. The pattern is static, the outbox boxed.
        match unsafe { ((*api).init)(&config, &host) } {
            0 => Ok(Lwip { api, outbox, _instance: instance }),
            -2 => bail!("{tcp}: this build of the TCP does not have that congestion control"),
            rc => bail!("{tcp}: lwIP could not be started ({rc})"),
        }
    }

    fn api(&self) -> &Api {
        // SAFETY: a constant of the instance, which self keeps loaded.
        unsafe { &*self.api }
    }

    fn set_time(&self, now: Nanos) {
        // SAFETY: started by new; one thread.
        unsafe { (self.api().set_time)((now.0 / 1_000_000) as u32) }
    }
}

impl Endpoint for Lwip {
    fn input(&mut self, now: Nanos, packet: &[u8]) {
        self.set_time(now);
        // SAFETY: as set_time; the packet is copied.
        unsafe { (self.api().input)(packet.as_ptr(), packet.len() as u32) }
    }

    fn run_timers(&mut self, now: Nanos) {
        self.set_time(now);
        // SAFETY: as set_time.
        unsafe { (self.api().run_timers)() }
    }

    fn deadline(&mut self, now: Nanos) -> Nanos {
        self.set_time(now);
        // SAFETY: as set_time.
        match unsafe { (self.api().sleep_ms)() } {
            NO_TIMEOUT => Nanos::NEVER,
            ms => Nanos::from_millis(now.0 / 1_000_000 + u64::from(ms)),
        }
    }

    fn take(&mut self) -> Outbox {
        self.outbox.take()
    }
}
