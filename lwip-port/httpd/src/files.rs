//! The folder that is served, and no path outside of it.
//!
//! Each path is resolved by the kernel, in one step with the opening (openat2(2), RESOLVE_BENEATH): whatever a request says, and
//! whoever changes links and folders meanwhile, what is opened lies below the folder. Comparing names first and opening afterwards
//! could not promise that. A link that leads out, or that is absolute, is refused as one that leads nowhere.

use crate::http::Status;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder, held open: it stays the same one, whatever becomes of its name.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// A file of that length, as it was when it was opened.
    File {
        /// Open for reading.
        file: File,
        /// In octets.
        length: u64,
        /// If the file system knows.
        modified: Option<SystemTime>,
    },
    /// A folder.
    Folder(Folder),
}

/// A folder below the root, open.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Whether it says itself that it is a folder; of a link it is not known.
    pub is_folder: bool,
}

/// What is not encoded in the segment of a path (RFC 3986 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as a segment of a path.
#[must_use]
pub fn encode(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

/// The path below the root that a request's target names (RFC 9112 3.2): decoded, without query, relative.
///
/// # Errors
/// `BadRequest` for what is no path: another form of target, a null octet. `Forbidden` for one with `..` in it, as a client that
/// means well resolves these by itself (RFC 3986 5.2.4), and for a slash that hides in an escape.
pub fn path_of(target: &str) -> Result<PathBuf, Status> {
    // The absolute form, which a client uses with a proxy, has to be understood (RFC 9112 3.2.2).
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"),
        None => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let path = path.strip_prefix('/').ok_or(Status::BadRequest)?;
    let mut below = PathBuf::new();
    for segment in path.split('/') {
        let name: Vec<u8> = percent_decode_str(segment).collect();
        match name.as_slice() {
            b"" | b"." => {}
            b".." => return Err(Status::Forbidden),
            name if name.contains(&0) => return Err(Status::BadRequest),
            name if name.contains(&b'/') => return Err(Status::Forbidden),
            _ => below.push(OsString::from_vec(name)),
        }
    }
    Ok(below)
}

impl Root {
    /// # Errors
    /// Those of open(2): there is no such folder, or it may not be read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(nix::fcntl::open(folder, flags, nix::sys::stat::Mode::empty())?))
    }

    /// Opens what the path leads to, links followed as long as they stay below the root.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (no right, out of the root, neither file nor folder), `ServiceUnavailable` (no descriptor left).
    pub fn find(&self, path: &Path) -> Result<Found, Status> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        // O_NONBLOCK: to open a FIFO would wait for its writer, and with it everybody.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags).resolve(resolve);
        let opened = loop {
            match openat2(&self.0, path, how) {
                // EAGAIN: something was renamed meanwhile, and the kernel could not tell where `..` of a link leads.
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                other => break other.map_err(status_of)?,
            }
        };
        let file = File::from(opened);
        let metadata = file.metadata().map_err(|_| Status::InternalServerError)?;
        if metadata.is_dir() {
            Ok(Found::Folder(Folder(file.into())))
        } else if metadata.is_file() {
            Ok(Found::File { file, length: metadata.len(), modified: metadata.modified().ok() })
        } else {
            Err(Status::Forbidden)
        }
    }
}

const fn status_of(error: Errno) -> Status {
    match error {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG => Status::NotFound,
        Errno::EACCES | Errno::EPERM | Errno::EXDEV | Errno::ELOOP | Errno::ENXIO => Status::Forbidden,
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => Status::ServiceUnavailable,
        _ => Status::InternalServerError,
    }
}

impl Folder {
    /// What is in it, sorted by name, without `.` and `..`.
    ///
    /// # Errors
    /// Those of readdir(3).
    pub fn entries(self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::from_fd(self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let is_folder = entry.file_type() == Some(nix::dir::Type::Directory);
                entries.push(Entry { name: OsString::from_vec(name.to_vec()), is_folder });
            }
        }
        entries.sort();
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::LazyLock;

    /// A folder `root` with files, folders and links, and beside it what nobody may get.
    static TREE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        fs::create_dir_all(at("root/a/b")).unwrap();
        fs::create_dir(at("root-secret")).unwrap();
        for inside in ["root/x", "root/a/x", "root/a/b/x", "root/..x", "root/a b", "root/ä"] {
            fs::write(at(inside), "inside").unwrap();
        }
        for outside in ["x", "root-secret/x"] {
            fs::write(at(outside), "outside").unwrap();
        }
        for (to, name) in [
            ("a/x", "inner"),
            ("../x", "a/up"),
            ("../x", "out"),
            ("../root-secret", "outfolder"),
            ("..", "parent"),
            ("/etc", "etc"),
            ("/proc/self/root", "magic"),
            ("loop", "loop"),
        ] {
            symlink(to, at("root").join(name)).unwrap();
        }
        nix::unistd::mkfifo(&at("root/fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        tree
    });

    fn get(target: &str) -> Result<Found, Status> {
        Root::open(&TREE.path().join("root")).unwrap().find(&path_of(target)?)
    }

    fn inside(target: &str) -> bool {
        match get(target) {
            Ok(Found::File { file, .. }) => io::read_to_string(file).unwrap() == "inside",
            _ => false,
        }
    }

    #[test]
    fn what_is_there() {
        for target in ["/x", "/a/x", "//a///x", "/./a/./x", "/a%20b", "/%C3%A4", "/x?y=../..", "/..x", "http://h:1/a/x"]
        {
            assert!(inside(target), "{target}");
        }
        assert!(matches!(get("/"), Ok(Found::Folder(_))));
        assert!(matches!(get("http://h"), Ok(Found::Folder(_))));
        assert_eq!(get("/nothing").unwrap_err(), Status::NotFound);
        assert_eq!(get("/x/y").unwrap_err(), Status::NotFound);
        assert_eq!(get(&format!("/{}", "y".repeat(300))).unwrap_err(), Status::NotFound);
    }

    #[test]
    fn links_that_stay_inside_are_followed() {
        assert!(inside("/inner") && inside("/a/up"));
    }

    #[test]
    fn nothing_outside() {
        for target in [
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/%2E%2e%2fx",
            "/.%2e/root-secret/x",
            "/..%2froot-secret%2fx",
            "/a%2fx",
            "/out",
            "/outfolder/x",
            "/parent/x",
            "/parent",
            "/etc/passwd",
            "/magic/etc/passwd",
            "/loop",
            "/fifo",
        ] {
            assert_eq!(get(target).unwrap_err(), Status::Forbidden, "{target}");
        }
        for target in ["*", "x", "../x", "", "/x%00", "host:80", "https://h/x"] {
            assert_eq!(get(target).unwrap_err(), Status::BadRequest, "{target}");
        }
        // Decoded once, not twice.
        assert_eq!(get("/%252e%252e/x").unwrap_err(), Status::NotFound);
    }

    #[test]
    fn a_listing() {
        let Ok(Found::Folder(folder)) = get("/a") else { panic!() };
        let entries = folder.entries().unwrap();
        let names: Vec<_> = entries.iter().map(|entry| (entry.name.to_str().unwrap(), entry.is_folder)).collect();
        assert_eq!(names, [("b", true), ("up", false), ("x", false)]);
    }

    proptest! {
        // From the pieces of which attacks are made. What opens is a file that says it is inside, or a folder below the root.
        #[test]
        fn never_outside(pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "/", "..", ".", "%2e", "%2E", "%2f", "%5c", "\\", "a", "b", "x", "root-secret", "root", "out", "outfolder",
                "parent", "etc", "magic", "inner", "up", "%252e", "%00", "%", "?", "#", "//", "http://", "passwd",
            ]), 0..12))
        {
            let target = format!("/{}", pieces.concat());
            match get(&target) {
                Ok(Found::File { file, .. }) => prop_assert_eq!(io::read_to_string(file).unwrap(), "inside"),
                Ok(Found::Folder(folder)) => {
                    use std::os::fd::AsRawFd;
                    let at = fs::read_link(format!("/proc/self/fd/{}", folder.0.as_raw_fd())).unwrap();
                    prop_assert!(at.starts_with(TREE.path().canonicalize().unwrap().join("root")), "{target}: {}", at.display());
                }
                Err(_) => {}
            }
        }

        #[test]
        fn any_name_can_be_encoded(name in "[^/\0]{1,20}") {
            prop_assume!(name != "." && name != "..");
            prop_assert_eq!(path_of(&format!("/{}", encode(&name))).unwrap(), Path::new(&name));
        }

        #[test]
        fn anything_can_be_asked(target in ".*") {
            let _ = get(&target);
        }
    }
}
