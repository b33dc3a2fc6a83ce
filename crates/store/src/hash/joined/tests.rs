use datafusion::arrow::array::{Array as _, StringArray};
use md5::{Digest as _, Md5};
use metalith_graph::HashLength;

use super::{Part, hash_joined};
use crate::{HashAlgorithm, HashSettings};

fn check(algorithm: HashAlgorithm, text: &str, expected: &str) {
    let settings = HashSettings { algorithm, length: HashLength::UNCUT };
    let text = Part::Column(StringArray::from(vec![text]));
    assert_eq!(hash_joined(settings, vec![text], 1).unwrap().value(0), expected);
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
    for count in [0, 1, 15, 16, 17, 31, 400] {
        for length in [HashLength::UNCUT, HashLength::cut_to(9).unwrap()] {
            let settings = HashSettings { algorithm: HashAlgorithm::Md5, length };
            let column: StringArray = texts[..count].iter().cloned().collect();
            let parts = vec![
                Part::Literal("one".to_owned()),
                Part::Literal("two".to_owned()),
                Part::Column(column),
                Part::Literal("three".to_owned()),
            ];
            let hashes = hash_joined(settings, parts, count).unwrap();
            assert_eq!(hashes.len(), count);
            for (row, text) in texts[..count].iter().enumerate() {
                let joined = text.as_ref().map(|text| format!("one|two|{text}|three"));
                let expected =
                    joined.map(|text| length.cut_text(format!("{:x}", Md5::digest(text))));
                let found = hashes.is_valid(row).then(|| hashes.value(row).to_owned());
                assert_eq!(found, expected, "row {row} of {count}");
            }
        }
    }
}

/// Texts that are as long as each other take the place of each other, whether they end within a block
/// or with it. Columns may begin anywhere in their values, as those of a slice do.
#[test]
fn texts_that_differ_in_their_values_alone_have_the_hashes_of_each() {
    const LITERAL: &str = "longer than what is copied at once";
    let value = |row: usize, width: usize| -> String {
        (0..width).map(|it| char::from(b'a' + ((row * 7 + it + width) % 26) as u8)).collect()
    };
    let column = |rows: usize, width: usize| {
        let all: StringArray = (0..rows + 3).map(|row| Some(value(row, width))).collect();
        Part::Column(all.slice(3, rows))
    };
    let lengths = [8, 9, 31].map(|length| HashLength::cut_to(length).unwrap());
    let lengths = lengths.into_iter().chain([HashLength::UNCUT]);
    let stories = lengths.flat_map(|length| HashAlgorithm::ALL.map(|it| (it, length)));
    let rows = [0, 1, 15, 16, 17, 33];
    // Texts of 37 characters and more, with all around the ends of blocks: 55, 56, 63, 64, 119, 120.
    let widths = [0, 8, 16, 32, 17, 18, 19, 20, 25, 26, 27, 28, 81, 82, 83, 84, 200];
    for (algorithm, length) in stories {
        let settings = HashSettings { algorithm, length };
        for (rows, width) in rows.into_iter().flat_map(|rows| widths.map(|width| (rows, width))) {
            let literal = Part::Literal(LITERAL.to_owned());
            let parts = vec![column(rows, width), literal, column(rows, 1)];
            let hashes = hash_joined(settings, parts, rows).unwrap();
            assert_eq!(hashes.len(), rows);
            for row in 0..rows {
                let (first, last) = (value(row + 3, width), value(row + 3, 1));
                let text = format!("{first}|{LITERAL}|{last}");
                let expected = match algorithm {
                    HashAlgorithm::Md5 => length.cut_text(format!("{:x}", Md5::digest(&text))),
                    _ => {
                        let alone = hash_joined(settings, vec![Part::Literal(text)], 1).unwrap();
                        alone.value(0).to_owned()
                    }
                };
                assert_eq!(hashes.value(row), expected, "{settings:?}, width {width}, row {row}");
            }
        }
    }
}

#[test]
fn texts_without_columns_and_of_nothing_have_hashes_too() {
    let settings = HashSettings { algorithm: HashAlgorithm::Md5, length: HashLength::UNCUT };
    let one = |parts| hash_joined(settings, parts, 1).unwrap().value(0).to_owned();
    assert_eq!(one(Vec::new()), format!("{:x}", Md5::digest("")));
    let parts = vec![Part::Literal("a".to_owned()), Part::Literal(String::new())];
    assert_eq!(one(parts), format!("{:x}", Md5::digest("a|")));
}
