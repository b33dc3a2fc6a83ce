//! MD5 (RFC 1321) of several texts at once.
//!
//! One MD5 waits at every step for the one before; sixteen side by side keep the vector units of a
//! processor busy and take about as long as two, or as six where vectors are short. Stores that
//! other systems made hash with MD5, for every field of every sample.

use super::text::Text;

/// Texts that are hashed at once: two registers of AVX2, which need not wait for each other.
const LANES: usize = 16;
/// Bytes of a block.
const BLOCK: usize = 64;

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

/// Texts that wait for each other.
#[derive(Default)]
pub(super) struct Md5Lanes {
    /// Texts with what MD5 puts behind them, so that each ends with a block.
    blocks: Text,
    /// Where each of them ends.
    ends: [usize; LANES],
    texts: usize,
}

impl Md5Lanes {
    /// Characters of a digest in hex.
    pub(super) const HEX: usize = 32;

    /// Adds a text, which `write` puts behind what is there; `true` when there are as many as are
    /// hashed at once.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Text)) -> bool {
        let start = self.blocks.len();
        write(&mut self.blocks);
        let text = self.blocks.len() - start;
        // A one bit, zeros, and the length in bits.
        let end = start + (text + 9).next_multiple_of(BLOCK);
        self.blocks.put(&[0x80], 0, 1);
        self.blocks.put_zeros(end - 8 - self.blocks.len());
        self.blocks.put(&(text as u64 * 8).to_le_bytes(), 0, 8);
        self.ends[self.texts] = end;
        self.texts += 1;
        self.texts == LANES
    }

    /// Tells the digests of the texts, in their order, and forgets them.
    pub(super) fn digest(&mut self, mut tell: impl FnMut([u32; 4])) {
        let mut texts: [&[u8]; LANES] = [&[]; LANES];
        let mut start = 0;
        for (text, end) in texts.iter_mut().zip(&self.ends[..self.texts]) {
            *text = &self.blocks.as_bytes()[start..*end];
            start = *end;
        }
        let [a, b, c, d] = digest(texts);
        for lane in 0..self.texts {
            tell([a[lane], b[lane], c[lane], d[lane]]);
        }
        self.blocks.clear();
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
    digest_anywhere(texts)
}

/// With instructions that rotate, and that mix three numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn digest_avx512(texts: [&[u8]; LANES]) -> [Lanes; 4] {
    digest_anywhere(texts)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn digest_avx2(texts: [&[u8]; LANES]) -> [Lanes; 4] {
    digest_anywhere(texts)
}

#[inline(always)]
fn digest_anywhere(texts: [&[u8]; LANES]) -> [Lanes; 4] {
    let mut state = START.map(|word| [word; LANES]);
    let longest = texts.iter().map(|text| text.len() / BLOCK).max().unwrap_or_default();
    for block in 0..longest {
        let after = compress(state, &words(&texts, block));
        for (word, after) in state.iter_mut().zip(after) {
            for lane in 0..LANES {
                // A text that has ended keeps the state it ended with.
                let is_there = texts[lane].len() > block * BLOCK;
                word[lane] = if is_there { after[lane] } else { word[lane] };
            }
        }
    }
    state
}

/// The words of one block of each text, zeros where it has ended.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "iterators are not inlined into functions for other processors"
)]
fn words(texts: &[&[u8]; LANES], block: usize) -> [Lanes; 16] {
    let mut words = [[0; LANES]; 16];
    for (lane, text) in texts.iter().enumerate() {
        let rest = text.get(block * BLOCK..).unwrap_or_default();
        let Some(bytes) = rest.first_chunk::<BLOCK>() else { continue };
        for word in 0..words.len() {
            let at = 4 * word;
            let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            words[word][lane] = u32::from_le_bytes(bytes);
        }
    }
    words
}

/// One block: four rounds of sixteen steps.
#[inline(always)]
fn compress(state: [Lanes; 4], words: &[Lanes; 16]) -> [Lanes; 4] {
    let mut now = state;
    for step in 0..16 {
        round_step::<0>(&mut now, step, &words[step % 16], |b, c, d| d ^ (b & (c ^ d)));
    }
    for step in 0..16 {
        let word = &words[(5 * step + 1) % 16];
        round_step::<1>(&mut now, step, word, |b, c, d| c ^ (d & (b ^ c)));
    }
    for step in 0..16 {
        round_step::<2>(&mut now, step, &words[(3 * step + 5) % 16], |b, c, d| b ^ c ^ d);
    }
    for step in 0..16 {
        round_step::<3>(&mut now, step, &words[(7 * step) % 16], |b, c, d| c ^ (b | !d));
    }
    for (now, before) in now.iter_mut().zip(state) {
        for lane in 0..LANES {
            now[lane] = now[lane].wrapping_add(before[lane]);
        }
    }
    now
}

#[inline(always)]
fn round_step<const ROUND: usize>(
    [a, b, c, d]: &mut [Lanes; 4],
    step: usize,
    word: &Lanes,
    mix: impl Fn(u32, u32, u32) -> u32,
) {
    let (rotate, sine) = (ROTATE[ROUND][step % 4], SINES[ROUND * 16 + step]);
    let mut sum = [0; LANES];
    for lane in 0..LANES {
        sum[lane] = mix(b[lane], c[lane], d[lane])
            .wrapping_add(a[lane])
            .wrapping_add(sine)
            .wrapping_add(word[lane])
            .rotate_left(rotate)
            .wrapping_add(b[lane]);
    }
    (*a, *d, *c, *b) = (*d, *c, *b, sum);
}
