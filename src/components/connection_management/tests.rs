//! Connection management: the state machine, limits, numbers and ports that an attacker must not guess.
