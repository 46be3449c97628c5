//! Network namespaces of one's own, with the kernel as the peer.
