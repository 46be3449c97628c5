//! A link emulator: loss, delay and the like, as middleware around any device.
