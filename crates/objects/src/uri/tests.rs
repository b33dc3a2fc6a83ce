use super::{ObjectUri, UriProblem};

fn uri(text: &str) -> ObjectUri {
    ObjectUri::parse(text).unwrap()
}

#[test]
fn one_object_has_many_spellings() {
    let object = uri("s3://media/videos/a b.mp4");
    for spelling in [
        "s3://media/videos/a%20b.mp4",
        "s3a://media/videos/a b.mp4",
        "s3://media//videos///a%20b.mp4",
        "s3://media/./videos/a b.mp4",
        "S3://media/videos/%61 b.mp4",
    ] {
        assert_eq!(uri(spelling), object, "{spelling}");
    }
    assert_eq!(uri("gcs://media/x"), uri("gs://media/x"));
    assert_eq!(uri("/data/a b"), uri("file:///data/a%20b"));
    assert_eq!(object.to_string(), "s3://media/videos/a b.mp4");
}

#[test]
fn other_objects_are_others() {
    assert_ne!(uri("s3://media/a"), uri("gs://media/a"));
    assert_ne!(uri("s3://media/a"), uri("s3://media2/a"));
    assert_ne!(uri("s3://media/a"), uri("s3://media/A"));
    assert_ne!(uri("/data/a%20b"), uri("/data/a b"), "paths are not encoded");
    assert_eq!(uri("abfss://c@account.dfs.core.windows.net/a"), uri("az://c/a"));
    assert_ne!(uri("s3://media/a?b"), uri("s3://media/a"));
    assert_ne!(uri("s3://media/a#b"), uri("s3://media/a"));
}

#[test]
fn what_names_no_object_is_told() {
    for (text, problem) in [
        ("", UriProblem::Relative),
        ("videos/a.mp4", UriProblem::Relative),
        ("/", UriProblem::Everything),
        ("s3://media", UriProblem::Everything),
        ("s3://media///", UriProblem::Everything),
        ("s3://media/a/../../b", UriProblem::Climbs),
        ("s3://media/%2e%2e/b", UriProblem::Climbs),
        ("https://example.org/a", UriProblem::Unreadable),
        ("s3://", UriProblem::Unreadable),
    ] {
        assert_eq!(ObjectUri::parse(text), Err(problem), "{text}");
    }
}

#[test]
fn a_prefix_covers_what_is_below_it() {
    let folder = uri("s3://media/synthetic/1/");
    assert!(folder.covers(&uri("s3://media/synthetic/1/a/b")));
    assert!(folder.covers(&folder));
    assert!(!folder.covers(&uri("s3://media/synthetic/10/a")), "a name is not a folder");
    assert!(!folder.covers(&uri("s3://other/synthetic/1/a")));
}

#[test]
fn a_place_is_found_through_dots() {
    assert_eq!(ObjectUri::of_place("/data/project/../store").unwrap(), uri("/data/store"));
    assert_eq!(ObjectUri::of_place("s3://bucket/store").unwrap(), uri("s3://bucket/store"));
    assert!(ObjectUri::of_place("s3://bucket").unwrap().covers(&uri("s3://bucket/a/b")));
    assert!(ObjectUri::of_place("store").unwrap().key().ends_with("/store"));
}
