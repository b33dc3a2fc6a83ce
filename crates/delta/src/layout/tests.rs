use super::Layout;

fn check(layout: Layout, feature: &str, folder: &str) {
    let feature = feature.parse().unwrap();
    assert_eq!(layout.folder(&feature), folder);
    assert_eq!(layout.feature(folder), Some(feature));
}

#[test]
fn folders_follow_keys() {
    check(Layout::Nested, "video", "video.delta");
    check(Layout::Nested, "video/raw", "video/raw.delta");
    check(Layout::Flat, "video/raw", "video__raw.delta");
    check(Layout::Flat, "a-b/c_d/e", "a-b__c_d__e.delta");
}

#[test]
fn other_folders_are_no_tables() {
    for folder in ["video", "Video.delta", ".delta", "a b.delta", "a//b.delta"] {
        assert_eq!(Layout::Nested.feature(folder), None, "{folder}");
    }
    assert_eq!(Layout::Flat.feature("video/raw.delta"), None);
}
