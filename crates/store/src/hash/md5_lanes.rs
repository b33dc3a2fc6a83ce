//! MD5 (RFC 1321) of several texts at once.
//!
//! One MD5 waits at every step for the one before; sixteen side by side keep the vector units of a
//! processor busy and take about as long as two, or as six where vectors are short. Stores that
//! other systems made hash with MD5, for every field of every sample.

use super::text::room;

#[cfg(target_arch = "x86_64")]
mod avx2;

/// Texts that are hashed at once: two registers of AVX2, which need not wait for each other.
const LANES: usize = 16;
/// Bytes of a block.
const BLOCK: usize = 64;
/// Bytes that tell the length of a text, at the end of its last block.
const LENGTH: usize = 8;

/// A number of each text.
type Lanes = [u32; LANES];

/// The state before the first block.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// By how much each step of a round rotates; the four repeat.
const ROTATE: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The integer part of `2^32 * abs(sin(step + 1))`.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// What stands behind a text: a one bit, and zeros.
const PADDING: [u8; BLOCK] = {
    let mut padding = [0; BLOCK];
    padding[0] = 0x80;
    padding
};

/// A block of a text that has ended.
const NOTHING: [u8; BLOCK] = [0; BLOCK];

/// Texts that wait for each other.
#[derive(Default)]
pub(super) struct Md5Lanes {
    /// Texts with what MD5 puts behind them, so that each ends with a block; and then whatever.
    blocks: Vec<u8>,
    /// Where each of them ends.
    ends: [usize; LANES],
    texts: usize,
}

impl Md5Lanes {
    /// Characters of a digest in hex.
    pub(super) const HEX: usize = 32;
    /// Texts that are hashed at once.
    pub(super) const LANES: usize = LANES;

    /// Adds a text of so many bytes, which `write` puts into the room for it; `true` when there are as
    /// many texts as are hashed at once.
    #[inline]
    pub(super) fn push(&mut self, length: usize, write: impl FnOnce(&mut [u8])) -> bool {
        let start = self.start();
        // A one bit, zeros, and the length in bits.
        let padded = (length + 1 + LENGTH).next_multiple_of(BLOCK);
        let text = room(&mut self.blocks, start, padded.max(length + BLOCK));
        write(text);
        text[length..length + BLOCK].copy_from_slice(&PADDING);
        text[padded - LENGTH..padded].copy_from_slice(&(length as u64 * 8).to_le_bytes());
        self.ends[self.texts] = start + padded;
        self.texts += 1;
        self.texts == LANES
    }

    /// Adds a text that is as long as the one that had its room before, into which `change` writes what
    /// is to be another.
    ///
    /// Only after [`LANES`] texts that were all as long, the last that were pushed, and were hashed.
    #[inline]
    pub(super) fn push_changes(&mut self, change: impl FnOnce(&mut [u8])) -> bool {
        let (start, end) = (self.start(), self.ends[self.texts]);
        debug_assert!(start < end, "each room has a text, with what MD5 puts behind it");
        change(&mut self.blocks[start..end]);
        self.texts += 1;
        self.texts == LANES
    }

    /// Where the next text begins.
    #[inline]
    fn start(&self) -> usize {
        self.texts.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// Tells the digests of the texts, in their order, and forgets them.
    pub(super) fn digest(&mut self, mut tell: impl FnMut([u32; 4])) {
        let mut texts: [&[u8]; LANES] = [&[]; LANES];
        let mut start = 0;
        for (text, end) in texts.iter_mut().zip(&self.ends[..self.texts]) {
            *text = &self.blocks[start..*end];
            start = *end;
        }
        let [a, b, c, d] = digest(texts);
        for lane in 0..self.texts {
            tell([a[lane], b[lane], c[lane], d[lane]]);
        }
        self.texts = 0;
    }
}

/// The state after all blocks of each text, on the widest vectors that the processor has.
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the same code, several times as fast")
)]
fn digest(texts: [&[u8]; LANES]) -> [Lanes; 4] {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor was just asked whether it has what this is compiled for.
            return unsafe { digest_avx512(texts) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { digest_avx2(texts) };
        }
    }
    digest_with(texts, words)
}

/// With instructions that rotate, and that mix three numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn digest_avx512(texts: [&[u8]; LANES]) -> [Lanes; 4] {
    digest_with(texts, |blocks, into| avx2::words(blocks, into))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn digest_avx2(texts: [&[u8]; LANES]) -> [Lanes; 4] {
    digest_with(texts, |blocks, into| avx2::words(blocks, into))
}

/// The state after all blocks of each text; `words` takes the words of one block of each apart.
#[inline(always)]
fn digest_with(
    texts: [&[u8]; LANES],
    words: impl Fn(&[&[u8; BLOCK]; LANES], &mut [Lanes; 16]),
) -> [Lanes; 4] {
    let mut state = START.map(|word| [word; LANES]);
    let mut now = [[0; LANES]; 16];
    let texts = texts.map(|text| text.as_chunks::<BLOCK>().0);
    let lengths: Lanes = texts.map(|blocks| blocks.len() as u32);
    let longest = lengths.iter().copied().max().unwrap_or_default();
    for block in 0..longest {
        words(&texts.map(|blocks| blocks.get(block as usize).unwrap_or(&NOTHING)), &mut now);
        let after = compress(state, &now);
        for word in 0..state.len() {
            for lane in 0..LANES {
                // A text that has ended keeps the state it ended with. (Not by a branch, so that it
                // is done for all at once.)
                let is_there = u32::from(block < lengths[lane]).wrapping_neg();
                state[word][lane] = after[word][lane] & is_there | state[word][lane] & !is_there;
            }
        }
    }
    state
}

/// The words of one block of each text.
fn words(blocks: &[&[u8; BLOCK]; LANES], into: &mut [Lanes; 16]) {
    for (lane, block) in blocks.iter().enumerate() {
        for (into, word) in into.iter_mut().zip(block.as_chunks().0) {
            into[lane] = u32::from_le_bytes(*word);
        }
    }
}

/// One block: four rounds of sixteen steps.
#[inline(always)]
fn compress(state: [Lanes; 4], words: &[Lanes; 16]) -> [Lanes; 4] {
    let mut now = state;
    // Written out: the numbers of a step are constants then, and its sums stay in registers.
    macro_rules! round {
        ($round:literal, $mix:expr, $word:expr) => {
            round!($round, $mix, $word, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
        };
        ($round:literal, $mix:expr, $word:expr, $($step:literal)*) => {
            $(round_step::<$round, $step>(&mut now, &words[$word($step) % 16], $mix);)*
        };
    }
    round!(0, |b, c, d| d ^ (b & (c ^ d)), |step: usize| step);
    round!(1, |b, c, d| c ^ (d & (b ^ c)), |step: usize| 5 * step + 1);
    round!(2, |b, c, d| b ^ c ^ d, |step: usize| 3 * step + 5);
    round!(3, |b, c, d| c ^ (b | !d), |step: usize| 7 * step);
    for (now, before) in now.iter_mut().zip(state) {
        for lane in 0..LANES {
            now[lane] = now[lane].wrapping_add(before[lane]);
        }
    }
    now
}

#[inline(always)]
fn round_step<const ROUND: usize, const STEP: usize>(
    [a, b, c, d]: &mut [Lanes; 4],
    word: &Lanes,
    mix: impl Fn(u32, u32, u32) -> u32,
) {
    let (rotate, sine) = (ROTATE[ROUND][STEP % 4], SINES[ROUND * 16 + STEP]);
    let mut sum = [0; LANES];
    for lane in 0..LANES {
        // The next step waits for `b` alone, so what does without it is added first.
        let rest = a[lane].wrapping_add(word[lane].wrapping_add(sine));
        let mixed = rest.wrapping_add(mix(b[lane], c[lane], d[lane]));
        sum[lane] = mixed.rotate_left(rotate).wrapping_add(b[lane]);
    }
    (*a, *d, *c, *b) = (*d, *c, *b, sum);
}
