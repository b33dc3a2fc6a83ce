use expect_test::expect;

use super::build;
use crate::{RenderOptions, render_dot, render_mermaid, render_text};

const GRAPH: &str = r#"
    [[features]]
    key = "raw"
    id_columns = ["path"]
    fields = ["frames", "audio"]
    [[features]]
    key = "chunk"
    id_columns = ["path", "n"]
    deps = [{ feature = "raw", optional = true, lineage = { expansion = { on = ["path"] } } }]
"#;

#[test]
fn as_text() {
    let options = RenderOptions { versions: true, version_length: Some(8), only: None };
    expect![[r#"
        raw  c4cb3fd3
          ids     path
          field   frames  9a9ceb8a
          field   audio  969ad19e
        chunk  045393d3
          ids     path, n
          field   default  4fb01c27
          from    raw (1:N on path, optional)
    "#]]
    .assert_eq(&render_text(&build(GRAPH).unwrap(), &options));
}

#[test]
fn for_mermaid() {
    expect![[r#"
        flowchart TD
            n0["raw<br/>frames, audio"]
            n1["chunk<br/>default"]
            n0 -.->|1:N on path| n1
    "#]]
    .assert_eq(&render_mermaid(&build(GRAPH).unwrap(), &RenderOptions::default()));
}

#[test]
fn for_graphviz() {
    expect![[r#"
        digraph features {
            node [shape=box];
            "raw" [label="raw\nframes, audio"];
            "chunk" [label="chunk\ndefault"];
            "raw" -> "chunk" [label="1:N on path", style=dashed];
        }
    "#]]
    .assert_eq(&render_dot(&build(GRAPH).unwrap(), &RenderOptions::default()));
}

#[test]
fn columns_may_be_called_anything() {
    let graph = r#"
        [[features]]
        key = "raw"
        id_columns = ["a\"b|c\nd\\"]
        [[features]]
        key = "chunk"
        id_columns = ["n"]
        deps = [{ feature = "raw", lineage = { expansion = { on = ["a\"b|c\nd\\"] } } }]
    "#;
    let graph = build(graph).unwrap();
    let options = RenderOptions::default();
    expect![[r#"
        raw
          ids     a\"b|c\nd\\
          field   default
        chunk
          ids     n
          field   default
          from    raw (1:N on a\"b|c\nd\\)
    "#]]
    .assert_eq(&render_text(&graph, &options));
    expect![[r#"
        flowchart TD
            n0["raw<br/>default"]
            n1["chunk<br/>default"]
            n0 -->|"1:N on a#34;b#124;c#10;d#92;"| n1
    "#]]
    .assert_eq(&render_mermaid(&graph, &options));
    expect![[r#"
        digraph features {
            node [shape=box];
            "raw" [label="raw\ndefault"];
            "chunk" [label="chunk\ndefault"];
            "raw" -> "chunk" [label="1:N on a\"b|c\nd\\"];
        }
    "#]]
    .assert_eq(&render_dot(&graph, &options));
}

#[test]
fn a_selection_shows_only_deps_within_it() {
    let only = Some(vec!["chunk".parse().unwrap()]);
    let options = RenderOptions { only, ..RenderOptions::default() };
    expect![[r#"
        flowchart TD
            n0["chunk<br/>default"]
    "#]]
    .assert_eq(&render_mermaid(&build(GRAPH).unwrap(), &options));
    expect![[r#"
        digraph features {
            node [shape=box];
            "chunk" [label="chunk\ndefault"];
        }
    "#]]
    .assert_eq(&render_dot(&build(GRAPH).unwrap(), &options));
}
