//! TCP options: EOL, NOP, MSS (RFC 9293 3.2), window scale and timestamps (RFC 7323), SACK (RFC 2018).

#[cfg(sack_recovery)]
use super::SeqNum;

/// The longest option area that the 4-bit data offset allows.
pub const MAX_OPTIONS_LEN: usize = 40;

const EOL: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
#[cfg(sack_recovery)]
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// The timestamps option (RFC 7323 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the latest value received, echoed.
    pub echo: u32,
}

/// What the options of one segment say. An option that a segment lacks, or has with a wrong length, is as its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size; 0 is as good as none.
    pub mss: u16,
    /// Window scale, at most 14 (RFC 7323 2.3).
    #[cfg(lwip_wnd_scale)]
    pub window_scale: Option<u8>,
    /// The peer takes SACKs.
    #[cfg(lwip_tcp_sack_out)]
    pub sack_permitted: bool,
    /// Timestamps.
    #[cfg(lwip_tcp_timestamps)]
    pub timestamps: Option<Timestamps>,
    /// SACK blocks (RFC 2018 3), in their order: left edge, right edge. The edges are equal where there is none.
    #[cfg(sack_recovery)]
    pub sacks: [(SeqNum, SeqNum); MAX_SACKS],
}

/// How many SACK blocks fit the option area.
#[cfg(sack_recovery)]
pub const MAX_SACKS: usize = 4;

impl Options {
    /// Reads an option area. Reading ends at EOL, at its end, or at the first option whose length octet cannot be
    /// right (0, 1, or past the end): what came before counts, the segment itself stays valid (RFC 9293 3.1, MUST-7).
    ///
    /// Each round consumes at least one octet, and the area is at most 40 long.
    pub fn read(&mut self, mut area: &[u8]) {
        while let [kind, after_kind @ ..] = area {
            match *kind {
                EOL => break,
                NOP => area = after_kind,
                kind => {
                    let Some(&len) = after_kind.first() else { break };
                    if len < 2 {
                        break;
                    }
                    let Some((option, rest)) = area.split_at_checked(usize::from(len)) else { break };
                    self.take(kind, option);
                    area = rest;
                }
            }
        }
    }

    /// One option, kind and length octet included.
    fn take(&mut self, kind: u8, option: &[u8]) {
        match (kind, option) {
            (MSS, &[_, _, a, b]) => self.mss = u16::from_be_bytes([a, b]),
            #[cfg(lwip_wnd_scale)]
            (WINDOW_SCALE, &[_, _, shift]) => self.window_scale = Some(shift.min(14)),
            #[cfg(lwip_tcp_sack_out)]
            (SACK_PERMITTED, &[_, _]) => self.sack_permitted = true,
            #[cfg(lwip_tcp_timestamps)]
            (TIMESTAMPS, &[_, _, a, b, c, d, e, f, g, h]) => {
                self.timestamps = Some(Timestamps {
                    value: u32::from_be_bytes([a, b, c, d]),
                    echo: u32::from_be_bytes([e, f, g, h]),
                });
            }
            #[cfg(sack_recovery)]
            (SACK, option) => {
                let mut edges = option.get(2..).unwrap_or_default();
                for place in &mut self.sacks {
                    let Some((&[a, b, c, d, e, f, g, h], rest)) = edges.split_first_chunk::<8>() else { break };
                    let edge = |octets| SeqNum::new(u32::from_be_bytes(octets));
                    *place = (edge([a, b, c, d]), edge([e, f, g, h]));
                    edges = rest;
                }
            }
            _ => {}
        }
    }
}

/// The first 32-bit word of each option that we send, padded in front by NOPs so that all of them are whole words.
pub mod word {
    use super::{MSS, NOP, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE};

    const SACK: u8 = 5;

    /// The whole MSS option.
    pub const fn mss(mss: u16) -> u32 {
        let [high, low] = mss.to_be_bytes();
        u32::from_be_bytes([MSS, 4, high, low])
    }

    /// The whole window scale option.
    pub const fn window_scale(shift: u8) -> u32 {
        u32::from_be_bytes([NOP, WINDOW_SCALE, 3, shift])
    }

    /// The whole SACK-permitted option.
    pub const SACK_PERM: u32 = u32::from_be_bytes([NOP, NOP, SACK_PERMITTED, 2]);

    /// Before TSval and TSecr.
    pub const TIMESTAMPS_HEAD: u32 = u32::from_be_bytes([NOP, NOP, TIMESTAMPS, 10]);

    /// Before `blocks` pairs of edges.
    pub const fn sack_head(blocks: u8) -> u32 {
        u32::from_be_bytes([NOP, NOP, SACK, blocks.wrapping_mul(8).wrapping_add(2)])
    }
}

/// Writes 32-bit words, in network byte order, into a buffer. What does not fit is not written.
pub struct WordWriter<'b> {
    rest: &'b mut [u8],
}

impl<'b> WordWriter<'b> {
    /// Starts at the front of `buffer`.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { rest: buffer }
    }

    /// Writes one word.
    pub fn word(&mut self, word: u32) {
        if let Some((place, rest)) = core::mem::take(&mut self.rest).split_first_chunk_mut::<4>() {
            *place = word.to_be_bytes();
            self.rest = rest;
        }
    }

    /// What is not written yet.
    pub fn into_rest(self) -> &'b mut [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(area: &[u8]) -> Options {
        let mut options = Options::default();
        options.read(area);
        options
    }
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(area in proptest::collection::vec(any::<u8>(), 0..=MAX_OPTIONS_LEN)) {
            let options = parse(&area);
            #[cfg(lwip_wnd_scale)]
            prop_assert!(options.window_scale.is_none_or(|shift| shift <= 14));
            let _ = options;
        }

        #[test]
        fn a_truncated_area_never_yields_more_than_the_whole(
            area in proptest::collection::vec(any::<u8>(), 0..=MAX_OPTIONS_LEN), cut in 0usize..=MAX_OPTIONS_LEN,
        ) {
            let whole = parse(&area);
            let part = parse(&area[..cut.min(area.len())]);
            #[cfg(lwip_tcp_timestamps)]
            prop_assert!(part.timestamps.is_none() || whole.timestamps.is_some());
            #[cfg(lwip_tcp_sack_out)]
            prop_assert!(!part.sack_permitted || whole.sack_permitted);
            let _ = (part, whole);
        }
    }

    #[test]
    fn mss_with_a_right_and_a_wrong_length() {
        assert_eq!(parse(&[2, 4, 5, 0xb4]).mss, 1460);
        assert_eq!(parse(&[2, 3, 5, 0xb4]).mss, 0);
        assert_eq!(parse(&[2, 4, 5]).mss, 0);
    }

    /// RFC 9293 3.2 (MUST-64): each option may begin at any octet.
    #[test]
    fn options_begin_anywhere() {
        let options = [2, 4, 5, 0xb4, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 5];
        for offset in 0..=MAX_OPTIONS_LEN - options.len() {
            let mut area = [1; MAX_OPTIONS_LEN];
            area[offset..offset + options.len()].copy_from_slice(&options);
            let read = parse(&area);
            assert_eq!(read.mss, 1460);
            #[cfg(lwip_wnd_scale)]
            assert_eq!(read.window_scale, Some(7));
            #[cfg(lwip_tcp_sack_out)]
            assert!(read.sack_permitted);
            #[cfg(lwip_tcp_timestamps)]
            assert_eq!(read.timestamps.map(|timestamps| (timestamps.value, timestamps.echo)), Some((9, 5)));
        }
    }

    #[test]
    fn kind_in_the_last_octet_and_lengths_zero_and_one_end_the_list() {
        for area in [&[1, 2][..], &[8, 0, 2, 4, 5, 0xb4], &[8, 1, 2, 4, 5, 0xb4], &[0, 2, 4, 5, 0xb4]] {
            assert_eq!(parse(area), Options::default());
        }
    }

    #[test]
    fn unknown_options_are_skipped() {
        assert_eq!(parse(&[254, 3, 9, 1, 2, 4, 2, 24]).mss, 536);
    }

    #[test]
    fn words_read_back() {
        let mut buffer = [0; 12];
        let mut writer = WordWriter::new(&mut buffer);
        writer.word(word::mss(1460));
        writer.word(word::window_scale(7));
        writer.word(word::SACK_PERM);
        writer.word(0xdead_beef);
        assert!(writer.into_rest().is_empty());
        let options = parse(&buffer);
        assert_eq!(options.mss, 1460);
        #[cfg(lwip_wnd_scale)]
        assert_eq!(options.window_scale, Some(7));
        #[cfg(lwip_tcp_sack_out)]
        assert!(options.sack_permitted);
    }
}
