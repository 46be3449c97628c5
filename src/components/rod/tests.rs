//! Reliable ordered delivery: the queues against models of them.
