use datafusion::arrow::array::Array as _;
use md5::{Digest as _, Md5};
use metalith_graph::HashLength;

use super::HashColumn;
use crate::{HashAlgorithm, HashSettings};

fn check(algorithm: HashAlgorithm, text: &str, expected: &str) {
    let settings = HashSettings { algorithm, length: HashLength::UNCUT };
    let mut hashes = HashColumn::new(settings, 1);
    hashes.push(text);
    assert_eq!(hashes.finish().value(0), expected);
}

#[test]
fn the_hashes_of_the_contract() {
    check(HashAlgorithm::XxHash64, "a", "15154266338359012955");
    check(HashAlgorithm::XxHash32, "a", "1426945110");
    check(HashAlgorithm::WyHash, "a", "3592636987452369503");
    check(HashAlgorithm::Md5, "a", "0cc175b9c0f1b6a831c399e269772661");
    check(
        HashAlgorithm::Sha256,
        "a",
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
    );
}

/// Texts of every length around the ends of blocks, side by side with longer and shorter ones and
/// with NULL, are hashed as the crate that everybody uses hashes each of them.
#[test]
fn md5_of_many_texts_is_that_of_each() {
    let texts: Vec<Option<String>> = (0..400)
        .map(|n: usize| match n % 7 {
            3 => None,
            5 => Some("x".repeat(n * 13 % 200)),
            _ => Some((0..n).map(|it| char::from(b'a' + (it % 26) as u8)).collect()),
        })
        .collect();
    for count in [0, 1, 7, 8, 9, 400] {
        let settings = HashSettings { algorithm: HashAlgorithm::Md5, length: HashLength::UNCUT };
        let mut hashes = HashColumn::new(settings, count);
        for text in &texts[..count] {
            match text {
                Some(text) => hashes.push(text),
                None => hashes.push_null(),
            }
        }
        let hashes = hashes.finish();
        assert_eq!(hashes.len(), count);
        for (row, text) in texts[..count].iter().enumerate() {
            let expected = text.as_ref().map(|text| format!("{:x}", Md5::digest(text)));
            let found = hashes.is_valid(row).then(|| hashes.value(row).to_owned());
            assert_eq!(found, expected, "row {row} of {count}");
        }
    }
}
