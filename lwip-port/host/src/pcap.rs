//! Records what the stack sees, in a file for tcpdump and Wireshark.
