use expect_test::{Expect, expect};

use super::build;
use crate::{DrawnDiff, GraphDiff, render_diff_dot, render_diff_mermaid, render_diff_text};

const BEFORE: &str = r#"
    [[features]]
    key = "video/raw"
    id_columns = ["path"]
    fields = ["frames", "audio"]
    [[features]]
    key = "video/crop"
    id_columns = ["path"]
    deps = ["video/raw"]
    fields = [{ key = "frames", code_version = "1" }, { key = "audio", code_version = "1" }]
    [[features]]
    key = "video/faces"
    id_columns = ["path"]
    deps = ["video/crop"]
    fields = [{ key = "faces", deps = [{ feature = "video/crop", fields = ["frames"] }] }]
    [[features]]
    key = "video/words"
    id_columns = ["path"]
    deps = ["video/crop"]
    fields = [{ key = "words", deps = [{ feature = "video/crop", fields = ["audio"] }] }]
    [[features]]
    key = "old"
    id_columns = ["id"]
"#;

/// Frames of the crops by other code, a description, a feature that came, one that went.
fn after() -> String {
    BEFORE
        .replacen(r#"code_version = "1""#, r#"code_version = "2""#, 1)
        .replace("key = \"old\"", "key = \"new\"")
        .replacen("key = \"video/words\"", "key = \"video/words\"\n    description = \"heard\"", 1)
}

fn check(before: &str, after: &str, expected: Expect) {
    let (before, after) = (build(before).unwrap(), build(after).unwrap());
    expected.assert_eq(&render_diff_text(&GraphDiff::between(&before, &after)));
}

#[test]
fn what_changed_and_why() {
    check(
        BEFORE,
        &after(),
        expect![[r#"
        - old  8f7c259941cb
            - field default
        + new  78d0b54d6597
            + field default
        ~ video/crop  7a8f9a7ca476 -> 6db13d31975c
            ~ field frames  code version 1 -> 2
        ~ video/faces  d4af0fe552b1 -> f482dd36dd33
            ~ field faces  upstream `video/crop.frames`
        ~ video/words  238f9853cfda, same version
            ~ description
    "#]],
    );
}

#[test]
fn a_change_is_followed_to_its_cause() {
    let before = format!(
        "{BEFORE}[[features]]\nkey = \"mood\"\nid_columns = [\"path\"]\ndeps = [\"video/faces\", \"video/words\"]\n"
    );
    let after = before.replacen(
        "fields = [\"frames\", \"audio\"]",
        "fields = [{ key = \"frames\", code_version = \"9\" }, \"audio\"]",
        1,
    );
    check(
        &before,
        &after,
        expect![[r#"
        ~ video/raw  b822827f1dfd -> dd32c0fa5c9a
            ~ field frames  code version __metaxy_initial__ -> 9
        ~ video/crop  7a8f9a7ca476 -> 710f296f02a2
            ~ field frames  upstream `video/raw.frames`
        ~ video/faces  d4af0fe552b1 -> 128453470404
            ~ field faces  upstream `video/crop.frames`; because of video/raw.frames
        ~ mood  95ecafeda2ae -> 2cfeab613c8f
            ~ field default  upstream `video/faces.faces`; because of video/raw.frames
    "#]],
    );
}

#[test]
fn fields_and_parents_come_and_go() {
    let after = BEFORE
        .replacen("fields = [\"frames\", \"audio\"]", "fields = [\"frames\", \"text\"]", 1)
        .replacen("fields = [\"audio\"] }] }]", "fields = [\"frames\"] }] }]", 1);
    check(
        BEFORE,
        &after,
        expect![[r#"
        ~ video/raw  b822827f1dfd -> 6f730a69552b
            - field audio
            + field text
        ~ video/crop  7a8f9a7ca476 -> d009a8f7b181
            ~ field audio  now computed from `video/raw.frames`, `video/raw.text`, no longer computed from `video/raw.audio`
        ~ video/words  238f9853cfda -> 98d1b87d74de
            ~ field words  now computed from `video/crop.frames`, no longer computed from `video/crop.audio`
    "#]],
    );
}

#[test]
fn the_same_graph_does_not_differ() {
    check(
        BEFORE,
        BEFORE,
        expect![[r#"
        nothing differs
    "#]],
    );
}

#[test]
fn drawn() {
    let (before, after) = (build(BEFORE).unwrap(), build(&after()).unwrap());
    let diff = GraphDiff::between(&before, &after);
    let drawn = DrawnDiff { old: &before, new: &after, diff: &diff };
    expect![[r#"
        flowchart TD
            n0["old<br/>removed"]:::removed
            n1["new<br/>added"]:::added
            n2["video/raw"]:::same
            n3["video/crop<br/>changed<br/>~ frames (code)"]:::changed
            n4["video/faces<br/>changed<br/>~ faces (video/crop.frames)"]:::changed
            n5["video/words<br/>declared"]:::declared
            n3 --> n4
            n3 --> n5
            n2 --> n3
            classDef added fill:#b7e4c7,color:#000
            classDef removed fill:#f5b7b1,color:#000
            classDef changed fill:#ffe08a,color:#000
            classDef declared fill:#d6e4f0,color:#000
            classDef same fill:#ffffff,color:#000
    "#]]
    .assert_eq(&render_diff_mermaid(drawn));
    expect![[r##"
        digraph features {
            node [shape=box, style=filled];
            "old" [label="old\nremoved", fillcolor="#f5b7b1"];
            "new" [label="new\nadded", fillcolor="#b7e4c7"];
            "video/raw" [label="video/raw", fillcolor="#ffffff"];
            "video/crop" [label="video/crop\nchanged\n~ frames (code)", fillcolor="#ffe08a"];
            "video/faces" [label="video/faces\nchanged\n~ faces (video/crop.frames)", fillcolor="#ffe08a"];
            "video/words" [label="video/words\ndeclared", fillcolor="#d6e4f0"];
            "video/crop" -> "video/faces";
            "video/crop" -> "video/words";
            "video/raw" -> "video/crop";
        }
    "##]]
    .assert_eq(&render_diff_dot(drawn));
}

#[test]
fn as_json() {
    let diff = GraphDiff::between(&build(BEFORE).unwrap(), &build(&after()).unwrap());
    let json = diff.to_json();
    let faces = json["features"].as_array().unwrap().iter().find(|it| it["key"] == "video/faces");
    expect![[r#"
        [
          {
            "field": "video/crop.frames",
            "kind": "upstream"
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", faces.unwrap()["fields"][0]["reasons"]));
    assert_eq!(json["new_version"], build(&after()).unwrap().snapshot_version());
}
