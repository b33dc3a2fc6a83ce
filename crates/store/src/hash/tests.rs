use metalith_graph::HashLength;

use super::TextHasher;
use crate::{HashAlgorithm, HashSettings};

fn check(algorithm: HashAlgorithm, text: &str, expected: &str) {
    let settings = HashSettings { algorithm, length: HashLength::UNCUT };
    assert_eq!(TextHasher::new(settings).hash(text), expected);
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
