//! Text that is put together piece by piece.

/// Bytes that are copied at once. Pieces are shorter as a rule, and copying so many takes no call.
pub(super) const STEP: usize = 32;

/// Copies `data[from..to]` to a place in a text, and tells where it ends there. Up to that many bytes
/// behind it are overwritten.
#[inline(always)]
pub(super) fn put(text: &mut [u8], at: usize, data: &[u8], from: usize, to: usize) -> usize {
    let length = to - from;
    let place = text.get_mut(at..).and_then(|it| it.first_chunk_mut::<STEP>());
    let step = data.get(from..).and_then(|it| it.first_chunk::<STEP>());
    match (place, step) {
        (Some(place), Some(step)) if length <= STEP => *place = *step,
        _ => text[at..at + length].copy_from_slice(&data[from..to]),
    }
    at + length
}

/// Room for `length` bytes from `start` on, whatever they are, and for a step behind them.
#[inline]
pub(super) fn room(bytes: &mut Vec<u8>, start: usize, length: usize) -> &mut [u8] {
    let end = start + length + STEP;
    if bytes.len() < end {
        bytes.resize(end * 2, 0);
    }
    &mut bytes[start..end]
}
