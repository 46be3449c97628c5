//! lwIP's `err_t` as a `Result`.

use super::bindings::err_t;
use core::num::NonZeroI8;

/// Any `err_t` but ERR_OK. Drivers and applications may return codes that lwIP does not know; they are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Error(NonZeroI8);

/// ERR_OK, or an error.
pub type Result<T = ()> = core::result::Result<T, Error>;

impl Error {
    /// ERR_MEM: out of memory.
    pub const MEM: Self = Self::of(-1);
    /// ERR_BUF: buffer error, or no port left.
    pub const BUF: Self = Self::of(-2);
    /// ERR_RTE: no route.
    pub const RTE: Self = Self::of(-4);
    /// ERR_INPROGRESS: the application refused data again.
    pub const INPROGRESS: Self = Self::of(-5);
    /// ERR_VAL: illegal value.
    pub const VAL: Self = Self::of(-6);
    /// ERR_USE: address in use.
    pub const USE: Self = Self::of(-8);
    /// ERR_ISCONN: already connected.
    pub const ISCONN: Self = Self::of(-10);
    /// ERR_CONN: not connected.
    pub const CONN: Self = Self::of(-11);
    /// ERR_ABRT: connection aborted.
    pub const ABRT: Self = Self::of(-13);
    /// ERR_RST: connection reset.
    pub const RST: Self = Self::of(-14);
    /// ERR_CLSD: connection closed.
    pub const CLSD: Self = Self::of(-15);
    /// ERR_ARG: illegal argument.
    pub const ARG: Self = Self::of(-16);

    const fn of(code: i8) -> Self {
        match NonZeroI8::new(code) {
            Some(code) => Self(code),
            None => Self(NonZeroI8::MIN),
        }
    }

    /// The number that C knows.
    pub const fn code(self) -> err_t {
        self.0.get()
    }
}

/// For C.
#[inline]
pub(crate) fn to_err_t(result: Result) -> err_t {
    match result {
        Ok(()) => 0,
        Err(error) => error.code(),
    }
}

/// From C.
#[inline]
pub(crate) fn from_err_t(code: err_t) -> Result {
    NonZeroI8::new(code).map_or(Ok(()), |code| Err(Error(code)))
}
