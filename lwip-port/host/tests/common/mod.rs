//! One stack at a time: lwIP's state is global.
#![allow(dead_code)] // Not every test wants all of it.

use lwip_host::{Stack, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

static ONE: Mutex<()> = Mutex::new(());

/// A stack for one test. At its end, all that the test took from lwIP's pools has to be back.
pub struct Alone {
    stack: Option<Stack>,
    _turn: MutexGuard<'static, ()>,
}

pub fn alone() -> Alone {
    let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stack = Stack::start().expect("no other stack is there");
    Alone { stack: Some(stack), _turn: turn }
}

impl std::ops::Deref for Alone {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        self.stack.as_ref().expect("it is there until the end")
    }
}

impl Alone {
    /// Ends the stack, before the test.
    pub fn end(&mut self) {
        drop(self.stack.take());
    }

    /// A connection: (client's end, server's end).
    pub fn pair(&self) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(self, "127.0.0.1:0").unwrap();
        let client = TcpStream::connect(self, listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        (client, server)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.end();
        if !std::thread::panicking() {
            // What is still in use with nobody there to use it was lost.
            let next = Stack::start().expect("the stack before is gone");
            for (pool, used) in next.pools().unwrap() {
                assert_eq!(used, 0, "objects of {pool} are in use after the end");
            }
        }
    }
}
