//! How much a project may hold.

/// Thresholds for the stored objects that samples of a project name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// For how many there are.
    pub objects: Threshold,
    /// For their bytes.
    pub bytes: Threshold,
}

/// From where on somebody is warned, and from where on refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threshold {
    /// At more than this, a warning is given.
    pub warn: Option<u64>,
    /// More than this is refused.
    pub refuse: Option<u64>,
}

impl Quota {
    /// Whether there are no thresholds at all.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// Names of units with their bytes.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no size: write a number and a unit, e.g. `500 GB` or `2 TiB`")]
pub struct SizeError {
    text: String,
}

/// Reads a size in bytes: a number and a unit, with or without a space.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let trimmed = text.trim();
    let split = trimmed.find(|it: char| !it.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, bytes)| *bytes);
    let size = number.parse::<u64>().ok().zip(unit);
    let size = size.and_then(|(number, unit)| number.checked_mul(unit));
    size.ok_or_else(|| SizeError { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, bytes) in
            [("7B", 7), ("2 KB", 2000), ("2 KiB", 2048), (" 1 TB ", 1_000_000_000_000)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "7", "GB", "1 gb", "-1 GB", "1.5 GB", "99999999999 TiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
