//! Whole numbers, numbered.

use std::hash::BuildHasher as _;

use datafusion::arrow::{array::BooleanBufferBuilder, buffer::BooleanBuffer};
use hashbrown::{DefaultHashBuilder, HashTable};

/// Different whole numbers, in the order in which they came.
#[derive(Default)]
pub(super) struct WholeKeys {
    /// All of them, unless they are counted.
    keys: Vec<i64>,
    /// How many there will be, as far as that was said.
    expected: usize,
    places: Places,
    sieve: Option<Sieve>,
}

/// Tells which of many numbers are keys, where few are.
struct Sieve {
    /// Bit `n` of all of them is set if a key ends in `n`, so that most numbers are known to be no
    /// keys by a glance.
    bits: Vec<u64>,
    /// The keys in order, for numbers that are in order.
    keys: Vec<i64>,
}

impl Sieve {
    /// Most of its bits are not set.
    fn of(mut keys: Vec<i64>) -> Self {
        keys.sort_unstable();
        let words = (keys.len() * BITS_PER_KEY / 64).next_power_of_two();
        let mut sieve = Self { bits: vec![0; words], keys };
        for at in 0..sieve.keys.len() {
            let (word, bit) = sieve.place(sieve.keys[at]);
            sieve.bits[word] |= bit;
        }
        sieve
    }

    fn lets_through(&self, key: i64) -> bool {
        let (word, bit) = self.place(key);
        self.bits[word] & bit != 0
    }

    fn place(&self, key: i64) -> (usize, u64) {
        let end = key as u64;
        ((end / 64) as usize & (self.bits.len() - 1), 1 << (end % 64))
    }

    /// Which numbers are keys, if they are in order and lie far apart: then each key is looked for
    /// among the numbers.
    fn which_in_order(&self, numbers: &[i64]) -> Option<BooleanBuffer> {
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return None };
        let start = self.keys.partition_point(|key| key < first);
        let keys = &self.keys[start..];
        let keys = &keys[..keys.partition_point(|key| key <= last)];
        if keys.len() * NUMBERS_PER_SEARCH > numbers.len() || !numbers.is_sorted() {
            return None;
        }
        let mut which = BooleanBufferBuilder::new(numbers.len());
        which.append_n(numbers.len(), false);
        let mut from = 0;
        for key in keys {
            from += numbers[from..].partition_point(|number| number < key);
            let equal = numbers[from..].iter().take_while(|number| *number == key);
            for _ in equal {
                which.set_bit(from, true);
                from += 1;
            }
        }
        Some(which.finish())
    }
}

/// Where the number of a key is found.
enum Places {
    /// Nowhere: each key follows on the one before, so its number is how far it is from the first.
    /// Ids that count samples in their order take no memory so.
    Counted { first: i64, len: u32 },
    /// In a list with a place for every number between the least and the greatest key. Ids that
    /// count samples in another order, or most of them, are found so without a search.
    Near { first: i64, numbers: Vec<u32> },
    /// In a hash table.
    Far { hasher: DefaultHashBuilder, numbers: HashTable<u32> },
}

/// What stands at the place of a number that is no key.
const NONE: u32 = u32::MAX;
/// So many places for each key, and some more, are not too many.
const PLACES_PER_KEY: usize = 4;
const PLACES_ANYWAY: usize = 1 << 16;
/// So many bits of a sieve for each key.
const BITS_PER_KEY: usize = 64;
/// A key is looked for among no fewer numbers.
const NUMBERS_PER_SEARCH: usize = 64;

impl Default for Places {
    fn default() -> Self {
        Self::Counted { first: 0, len: 0 }
    }
}

impl WholeKeys {
    pub(super) fn len(&self) -> usize {
        match self.places {
            Places::Counted { len, .. } => len as usize,
            Places::Near { .. } | Places::Far { .. } => self.keys.len(),
        }
    }

    pub(super) fn reserve(&mut self, more: usize) {
        self.expected = self.len() + more;
        match &mut self.places {
            Places::Counted { .. } => {}
            Places::Near { .. } => self.keys.reserve(more),
            Places::Far { hasher, numbers } => {
                self.keys.reserve(more);
                numbers.reserve(more, |it| hasher.hash_one(self.keys[*it as usize]));
            }
        }
    }

    /// Prepares for asking of many numbers [which](Self::which) are keys, where few are.
    pub(super) fn sift(&mut self) {
        if let Places::Far { .. } = self.places {
            // What stands for nothing is none of them.
            let keys = self.keys.iter().copied().filter(|key| self.find(*key).is_some());
            self.sieve = Some(Sieve::of(keys.collect()));
        }
    }

    /// Gives a number to what is no key, and to nothing that is asked for.
    pub(super) fn push_nothing(&mut self) -> u32 {
        self.list();
        self.keys.push(0);
        self.keys.len() as u32 - 1
    }

    /// The number of a key, which gets one if it has none.
    pub(super) fn number(&mut self, key: i64) -> u32 {
        if let Places::Counted { first, len } = &mut self.places {
            if *len == 0 {
                *first = key;
            }
            if let Some(number) = counted(*first, key, len.saturating_add(1)) {
                *len = (*len).max(number + 1);
                return number;
            }
            self.list();
        }
        self.sieve = None;
        let next = self.keys.len() as u32;
        loop {
            let Self { keys, places, .. } = self;
            match places {
                Places::Counted { .. } => {}
                Places::Near { first, numbers } => {
                    if let Some(number) = place(*first, key).and_then(|it| numbers.get_mut(it)) {
                        if *number == NONE {
                            *number = next;
                            keys.push(key);
                        }
                        return *number;
                    }
                }
                Places::Far { hasher, numbers } => {
                    let hash = hasher.hash_one(key);
                    if let Some(number) = numbers.find(hash, |it| keys[*it as usize] == key) {
                        return *number;
                    }
                    keys.push(key);
                    let hash_of = |it: &u32| hasher.hash_one(keys[*it as usize]);
                    numbers.insert_unique(hash, next, hash_of);
                    return next;
                }
            }
            self.make_place(key);
        }
    }

    /// The number of a key that has one.
    pub(super) fn find(&self, key: i64) -> Option<u32> {
        match &self.places {
            Places::Counted { first, len } => counted(*first, key, *len),
            Places::Near { first, numbers } => {
                let number = place(*first, key).and_then(|it| numbers.get(it));
                number.copied().filter(|number| *number != NONE)
            }
            Places::Far { hasher, numbers } => {
                let is_it = |it: &u32| self.keys[*it as usize] == key;
                numbers.find(hasher.hash_one(key), is_it).copied()
            }
        }
    }

    /// Which numbers are keys.
    pub(super) fn which(&self, numbers: &[i64]) -> BooleanBuffer {
        let is_key = |key: i64| self.find(key).is_some();
        let Some(sieve) = &self.sieve else {
            return BooleanBuffer::collect_bool(numbers.len(), |row| is_key(numbers[row]));
        };
        sieve.which_in_order(numbers).unwrap_or_else(|| {
            BooleanBuffer::collect_bool(numbers.len(), |row| {
                sieve.lets_through(numbers[row]) && is_key(numbers[row])
            })
        })
    }

    /// Puts keys that are counted into a list.
    fn list(&mut self) {
        let Places::Counted { first, len } = self.places else { return };
        self.keys.reserve(self.expected.max(len as usize));
        self.keys.extend((0..i64::from(len)).map(|it| first + it));
        self.places = Places::Near { first, numbers: (0..len).collect() };
    }

    /// Puts `key` within the list, or all keys into a hash table if it is too far away.
    fn make_place(&mut self, key: i64) {
        let Places::Near { first, numbers } = &mut self.places else { return };
        if numbers.is_empty() {
            *first = key;
        }
        let most = PLACES_PER_KEY * self.keys.len().max(self.expected) + PLACES_ANYWAY;
        let last = i128::from(*first) + numbers.len().max(1) as i128 - 1;
        let above = i128::from(key.max(*first)).max(last) - i128::from(*first);
        let below = i128::from(*first) - i128::from(key.min(*first));
        if above + below >= most as i128 {
            return self.spread_out();
        }
        let (above, mut below) = (above as usize + 1, below as usize);
        if below > 0 {
            // As many again, so that keys that count down do not move the list each time.
            let room = i128::from(*first) - i128::from(i64::MIN);
            let more = below.max(numbers.len()).min(most - above);
            below = more.max(below).min(usize::try_from(room).unwrap_or(usize::MAX));
            numbers.splice(..0, std::iter::repeat_n(NONE, below));
            *first -= below as i64;
        }
        numbers.resize(numbers.len().max(above + below), NONE);
    }

    fn spread_out(&mut self) {
        let Places::Near { numbers, .. } = &self.places else { return };
        let numbered = numbers.iter().copied().filter(|number| *number != NONE);
        let hasher = DefaultHashBuilder::default();
        let hash_of = |it: &u32| hasher.hash_one(self.keys[*it as usize]);
        let mut table = HashTable::with_capacity(self.keys.len().max(self.expected));
        for number in numbered {
            table.insert_unique(hash_of(&number), number, hash_of);
        }
        self.places = Places::Far { hasher, numbers: table };
    }
}

/// The number of a key among `len` that count on from `first`.
fn counted(first: i64, key: i64, len: u32) -> Option<u32> {
    // None of them counts on beyond the greatest number there is.
    let number = place(first, key).filter(|_| first <= key)?;
    u32::try_from(number).ok().filter(|it| *it < len)
}

/// Where a key is in a list that begins with `first`; beyond its end if it is not there.
fn place(first: i64, key: i64) -> Option<usize> {
    // A smaller key comes out as a number beyond all that lie above `first`.
    usize::try_from(key.wrapping_sub(first) as u64).ok()
}
