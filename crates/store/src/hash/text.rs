//! Text that is put together piece by piece.

/// Bytes that are copied at once. Pieces are shorter as a rule, and copying so many takes no call.
pub(super) const STEP: usize = 32;

/// Bytes in the making. Behind them stands whatever was copied too much, which the next piece
/// overwrites.
#[derive(Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    length: usize,
}

impl Text {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds `data[from..to]`.
    #[inline]
    pub(super) fn put(&mut self, data: &[u8], from: usize, to: usize) {
        let length = to - from;
        let steps = length.next_multiple_of(STEP);
        let place = self.room(steps);
        match data.get(from..from + steps) {
            Some(data) => {
                let places = place.as_chunks_mut::<STEP>().0.iter_mut();
                for (place, data) in places.zip(data.as_chunks().0) {
                    *place = *data;
                }
            }
            None => place[..length].copy_from_slice(&data[from..to]),
        }
        self.length += length;
    }

    /// Adds zeros.
    pub(super) fn put_zeros(&mut self, length: usize) {
        for place in self.room(length.next_multiple_of(STEP)).as_chunks_mut().0 {
            *place = [0; STEP];
        }
        self.length += length;
    }

    /// The next bytes, whatever they are.
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.length + bytes;
        if self.bytes.len() < end {
            self.bytes.resize(end * 2, 0);
        }
        &mut self.bytes[self.length..end]
    }
}
