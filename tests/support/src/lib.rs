//! lwIP's memory management by itself: pools, heap and pbufs, as the configuration under test has them, for tests of the
//! core's components. Around it there is nothing: no interface, no route, no timer, no thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

unsafe extern "C" {
    fn lwip_memory_reset();
    fn lwip_memory_set_clock(ms: u32);
    fn lwip_memory_seed(seed: u32);
    fn lwip_memory_used() -> u32;
    fn lwip_memory_segments() -> u32;
}

/// lwIP's globals belong to whoever has this, which takes the place of lwIP's core lock.
pub struct Memory(#[allow(dead_code)] MutexGuard<'static, ()>);

/// Waits for its turn; then nobody else uses lwIP's globals until the result is dropped.
pub fn lock() -> Memory {
    static LOCK: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that `reset` does not clear.
    Memory(LOCK.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Memory {
    /// All pools and the heap are as after a start, the statistics zero, the clock at zero.
    ///
    /// # Safety
    /// Nothing that was allocated before is used any more.
    pub unsafe fn reset(&mut self) {
        self.set_clock(0);
        self.seed(1);
        // SAFETY: the lock is held; the rest is the caller's.
        unsafe { lwip_memory_reset() };
    }

    /// What sys_now() says, in milliseconds.
    pub fn set_clock(&mut self, ms: u32) {
        // SAFETY: the lock is held.
        unsafe { lwip_memory_set_clock(ms) };
    }

    /// Where LWIP_RAND() goes on from.
    pub fn seed(&mut self, seed: u32) {
        // SAFETY: the lock is held.
        unsafe { lwip_memory_seed(seed) };
    }

    /// How much is allocated, of the heap in octets and of the pools in elements; 0 if lwIP keeps no statistics.
    pub fn used(&self) -> u32 {
        // SAFETY: the lock is held.
        unsafe { lwip_memory_used() }
    }

    /// How many TCP segments there can be.
    pub fn segments(&self) -> u32 {
        // SAFETY: a constant is returned.
        unsafe { lwip_memory_segments() }
    }
}
