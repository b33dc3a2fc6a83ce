use expect_test::{Expect, expect};
use proptest::prelude::{any, proptest};

use super::{FeatureKey, FieldKey, QualifiedField};

fn check_refused(key: &str, expected: Expect) {
    let error = key.parse::<FeatureKey>().expect_err("the key should be refused");
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_key_knows_its_forms() {
    let key: FeatureKey = "video-2/3d_raw".parse().unwrap();
    assert_eq!(key.table_name(), "video_2__3d_raw");
    assert_eq!(key.struct_name(), "video-2_3d_raw");
    assert_eq!(key.column_suffix(), "__video-2_3d_raw");
    assert_eq!(key.parts().collect::<Vec<_>>(), ["video-2", "3d_raw"]);
    assert_eq!(FeatureKey::from_parts(["video-2", "3d_raw"]).unwrap(), key);
    let field: FieldKey = "audio/left".parse().unwrap();
    assert_eq!(QualifiedField { feature: key, field }.to_string(), "video-2/3d_raw.audio/left");
}

#[test]
fn what_is_not_a_key_is_refused_with_its_place() {
    check_refused("", expect!["a key cannot be empty"]);
    check_refused("a//b", expect!["key `a//b` has an empty part"]);
    check_refused("a__b", expect!["key `a__b` has `__` in part `a__b`"]);
    check_refused("Video", expect!["key `Video` has `V` at position 1 of part `Video`"]);
    check_refused("3d", expect!["key `3d` has `3` at position 1 of part `3d`"]);
    check_refused("a/..", expect!["key `a/..` has `.` at position 1 of part `..`"]);
    assert!(FeatureKey::from_parts(["a/b"]).is_err());
}

proptest! {
    #[test]
    fn a_valid_key_never_leaves_its_folder(text in any::<String>()) {
        if let Ok(key) = text.parse::<FeatureKey>() {
            assert!(!key.as_str().contains("..") && !key.as_str().contains('\\'));
            assert!(!key.as_str().starts_with('/') && !key.as_str().ends_with('/'));
        }
    }
}
