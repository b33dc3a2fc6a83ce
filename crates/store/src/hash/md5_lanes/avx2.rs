//! What the compiler does not find by itself: taking blocks apart with registers of eight words.

use std::arch::x86_64::{
    __m256i, _mm256_permute2x128_si256, _mm256_setr_epi64x, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

use super::{BLOCK, LANES, Lanes};

/// Words of a register.
const WIDTH: usize = 8;

/// The words of one block of each text.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn words(blocks: &[&[u8; BLOCK]; LANES], into: &mut [Lanes; 16]) {
    for lane in (0..LANES).step_by(WIDTH) {
        for word in (0..into.len()).step_by(WIDTH) {
            let of = |text: usize| some_words(blocks[lane + text], word);
            let texts = [of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)];
            for (into, turned) in into[word..].iter_mut().zip(turned(texts)) {
                into[lane..lane + WIDTH].copy_from_slice(&numbers(turned));
            }
        }
    }
}

/// The words of a block from this one on.
#[target_feature(enable = "avx2")]
#[inline]
fn some_words(block: &[u8; BLOCK], first: usize) -> __m256i {
    let pairs = block.as_chunks().0;
    let pair = |place: usize| i64::from_le_bytes(pairs[first / 2 + place]);
    _mm256_setr_epi64x(pair(0), pair(1), pair(2), pair(3))
}

/// Rows made columns.
#[target_feature(enable = "avx2")]
#[inline]
fn turned(rows: [__m256i; WIDTH]) -> [__m256i; WIDTH] {
    let [a, b, c, d, e, f, g, h] = rows;
    // Each of the two halves of a register: words, then pairs of words, of two rows in turn.
    let [ab, cd] = [_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d)];
    let [ef, gh] = [_mm256_unpacklo_epi32(e, f), _mm256_unpacklo_epi32(g, h)];
    let [upper_ab, upper_cd] = [_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d)];
    let [upper_ef, upper_gh] = [_mm256_unpackhi_epi32(e, f), _mm256_unpackhi_epi32(g, h)];
    let quarters = [
        (_mm256_unpacklo_epi64(ab, cd), _mm256_unpacklo_epi64(ef, gh)),
        (_mm256_unpackhi_epi64(ab, cd), _mm256_unpackhi_epi64(ef, gh)),
        (_mm256_unpacklo_epi64(upper_ab, upper_cd), _mm256_unpacklo_epi64(upper_ef, upper_gh)),
        (_mm256_unpackhi_epi64(upper_ab, upper_cd), _mm256_unpackhi_epi64(upper_ef, upper_gh)),
    ];
    // The lower halves of both, and the upper ones.
    let lower = quarters.map(|(left, right)| _mm256_permute2x128_si256::<0x20>(left, right));
    let upper = quarters.map(|(left, right)| _mm256_permute2x128_si256::<0x31>(left, right));
    let ([i, j, k, l], [m, n, o, p]) = (lower, upper);
    [i, j, k, l, m, n, o, p]
}

#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "it has no other way to memory")]
fn numbers(register: __m256i) -> [u32; WIDTH] {
    // SAFETY: both are 32 bytes, of which any are numbers.
    unsafe { std::mem::transmute::<__m256i, [u32; WIDTH]>(register) }
}
