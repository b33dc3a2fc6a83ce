use expect_test::{Expect, expect};
use metalith_base::Diagnostic as _;
use proptest::prelude::{Strategy, any, proptest};

use crate::{DocumentError, Format, Table, Value, parse};

fn check_refused(result: Result<(), DocumentError>, expected: Expect) {
    let error = result.expect_err("the text should be refused");
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    expected.assert_eq(&format!("{error}{hint}"));
}

fn read_project(text: &str, format: Format) -> Result<(), DocumentError> {
    let tree = parse("file", text, format)?;
    let mut table = Table::new("file", &tree)?;
    table.required_text("project")?;
    table.texts("features")?;
    table.finish()
}

#[test]
fn the_languages_say_the_same() {
    let toml = parse("a", "a = 1\nb = ['x', true]\n[c]\nd = 1.5", Format::Toml).unwrap();
    let yaml = parse("a", "a: 1\nb: [x, true]\nc:\n  d: 1.5", Format::Yaml).unwrap();
    let json = r#"{"a": 1, "b": ["x", true], "c": {"d": 1.5}}"#;
    let json = parse("a", json, Format::Json).unwrap();
    assert_eq!(crate::json(&toml), crate::json(&yaml));
    assert_eq!(crate::json(&toml), crate::json(&json));
}

#[test]
fn mistakes_are_shown_where_they_are() {
    check_refused(
        read_project("project = 'p'\nfeatres = []", Format::Toml),
        expect![[r#"
            file:2:1: unknown key `featres`
            hint: did you mean `features`?"#]],
    );
    check_refused(
        read_project("project: p\nfeatures: [a, 1]", Format::Yaml),
        expect![["file:2:15: `features` must be text, but is an integer"]],
    );
    check_refused(
        read_project("features: []", Format::Yaml),
        expect![[r#"
            file:1:1: key `project` is missing
            hint: add `project`"#]],
    );
}

#[test]
fn an_empty_text_is_an_empty_table() {
    for format in [Format::Toml, Format::Yaml] {
        for text in ["", "# nothing\n", "\u{feff}"] {
            assert_eq!(parse("a", text, format).unwrap().value, Value::Table(Vec::new()));
        }
    }
    assert_eq!(parse("a", "---\n", Format::Yaml).unwrap().value, Value::Table(Vec::new()));
}

fn check_syntax(format: Format, text: &str, expected: Expect) {
    check_refused(parse("file", text, format).map(drop), expected);
}

#[test]
fn the_last_of_two_equal_keys_does_not_win() {
    let hint = "hint: keep one of them";
    check_syntax(Format::Toml, "a = 1\na = 2", expect!["file:2:1: duplicate key"]);
    for (format, text) in
        [(Format::Yaml, "b: {a: 1,\n a: 2}"), (Format::Json, "{\"a\":1,\n \"a\":2}")]
    {
        let error = parse("file", text, format).unwrap_err();
        assert_eq!(error.code(), "document.repeated-key");
        assert_eq!(
            format!("{error}\nhint: {}", error.hint().unwrap()),
            format!("file:2:2: key `a` is there twice\n{hint}")
        );
    }
}

#[test]
fn yaml_is_one_document_of_plain_values() {
    check_syntax(
        Format::Yaml,
        "a: 1\n---\nb: 2",
        expect!["file:2:1: a second document begins here, where only one may be"],
    );
    check_syntax(
        Format::Yaml,
        "a: !include secrets.yaml",
        expect!["file:1:13: the tag `!include` means nothing here"],
    );
    check_syntax(Format::Yaml, "? [1]\n: 2", expect!["file:1:3: a key must be text"]);
    check_syntax(
        Format::Yaml,
        "a: &a [*a]",
        expect!["file:1:8: an alias cannot stand inside of what it names"],
    );
    check_syntax(
        Format::Yaml,
        "a: 99999999999999999999",
        expect!["file:1:4: 99999999999999999999 is too large for an integer"],
    );
    check_syntax(
        Format::Yaml,
        "a: !!int x",
        expect!["file:1:10: this is tagged as int, but is text"],
    );
}

#[test]
fn yaml_scalars_follow_the_core_schema() {
    let text = "[~, null, true, FALSE, yes, 1, +1, -1, 0x1F, 0o17, 1., .5, 1e3, -1.5E-1, 1.2.3, 1-1, \
                '1', !!str 1, !!float 1, 2026-01-01, e, ., +, 0x]";
    let tree = parse("a", text, Format::Yaml).unwrap();
    expect![[r#"[null,null,true,false,"yes",1,1,-1,31,15,1.0,0.5,1000.0,-0.15,"1.2.3","1-1","1","1",1.0,"2026-01-01","e",".","+","0x"]"#]]
    .assert_eq(&crate::json(&tree).to_string());
}

#[test]
fn an_alias_repeats_what_it_names() {
    let tree = parse("a", "a: &x {b: [1, 2]}\nc: *x\n&k d: 1\ne: *k", Format::Yaml).unwrap();
    expect![[r#"{"a":{"b":[1,2]},"c":{"b":[1,2]},"d":1,"e":"d"}"#]]
        .assert_eq(&crate::json(&tree).to_string());
}

#[test]
fn json_is_json_and_nothing_else() {
    let escapes = r#"{"a": "\ud83d\ude00 \/ \"", "b": [-0.5e2, null]}"#;
    let tree = parse("a", escapes, Format::Json).unwrap();
    assert_eq!(crate::json(&tree), serde_json::from_str::<serde_json::Value>(escapes).unwrap());
    for (text, expected) in [
        ("a: 1", expect!["file:1:1: expected a value, found `a`"]),
        ("{\n \"ü\": 1,}", expect!["file:2:9: expected a key in double quotes, found `}`"]),
        ("[1, 2", expect!["file:1:6: expected `,` or `]`, found the end of the text"]),
        ("{} {}", expect!["file:1:4: expected the end, found `{`"]),
        ("[01]", expect!["file:1:2: `01` is not a number"]),
        ("\"a", expect!["file:1:1: this text has no end"]),
        (
            "[18446744073709551616]",
            expect!["file:1:2: 18446744073709551616 is too large for an integer"],
        ),
        (
            "\"a\nb\"",
            expect![[
                r#"file:1:1: this text is not JSON: control character (\u0000-\u001F) found while parsing a string"#
            ]],
        ),
    ] {
        check_syntax(Format::Json, text, expected);
    }
}

/// Ten levels that each name the one before ten times: ten thousand million nodes in 400 bytes.
#[test]
fn a_bomb_of_aliases_is_refused_before_it_grows() {
    let mut text = "a: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let inner = vec![format!("*l{}", level - 1); 10].join(", ");
        text.push_str(&format!("k{level}: &l{level} [{inner}]\n"));
    }
    let error = parse("file", &text, Format::Yaml).unwrap_err();
    assert!(error.to_string().ends_with("too much is written here, or repeated by aliases"));
}

#[test]
fn no_nesting_exhausts_the_stack() {
    let deep = 100_000;
    for (format, text) in [
        (Format::Yaml, "- ".repeat(deep)),
        (Format::Yaml, "[".repeat(deep)),
        (Format::Yaml, "? ".repeat(deep)),
        (Format::Json, "[".repeat(deep)),
        (Format::Json, "{\"a\":".repeat(deep)),
        (Format::Toml, format!("a = {}", "[".repeat(deep))),
        (Format::Toml, format!("{}a = 1", "a.".repeat(deep / 10))),
    ] {
        assert!(parse("file", &text, format).is_err());
    }
}

#[test]
fn places_are_counted_in_characters() {
    let long = "ü".repeat(700);
    for (format, text) in [
        (Format::Toml, format!("x = 1\ny = ['{long}', 5]")),
        (Format::Json, format!("{{\"x\": 1,\n\"y\":[\"{long}\", 5]}}")),
    ] {
        let tree = parse("file", &text, format).unwrap();
        let Value::Table(entries) = &tree.value else { panic!("a table") };
        let Value::List(items) = &entries[1].node.value else { panic!("a list") };
        assert_eq!((items[1].span.line, items[1].span.column), (2, 710), "{format:?}");
    }
}

#[test]
fn a_table_hands_out_typed_values() {
    let text =
        "names = { z = 'last', a = 'first' }\nanything = [1, { b = 2 }]\nflag = true\ncount = 3";
    let tree = parse("file", text, Format::Toml).unwrap();
    let mut table = Table::new("file", &tree).unwrap();
    let names = table.text_map("names").unwrap().unwrap();
    assert_eq!(names, [("z".to_owned(), "last".to_owned()), ("a".to_owned(), "first".to_owned())]);
    assert_eq!(table.json("anything").unwrap(), Some(serde_json::json!([1, { "b": 2 }])));
    assert_eq!(table.flag("flag").unwrap(), Some(true));
    assert_eq!(table.integer("count").unwrap(), Some(3));
    assert_eq!(table.text("absent").unwrap(), None);
    table.finish().unwrap();

    let tree = parse("file", "a = { b = inf }\nc = { d = 1 }", Format::Toml).unwrap();
    let mut table = Table::new("file", &tree).unwrap();
    check_refused(
        table.json("a").map(drop),
        expect!["file:1:11: JSON has no infinity and nothing that is not a number"],
    );
    check_refused(
        table.text_map("c").map(drop),
        expect!["file:2:11: `d` must be text, but is an integer"],
    );
}

/// Text of marks that mean something, which random characters seldom hit.
fn marks() -> impl Strategy<Value = String> {
    let marks = [
        "[", "]", "{", "}", ":", ",", "-", "?", "&a", "*a", "!", "!!int", "|", ">", "\"", "'", "#",
        "\\", "\n", " ", "  ", "\t", "=", ".", "a", "1", "---", "...", "%", "~", "ü", "\u{feff}",
        "\r",
    ];
    proptest::collection::vec(proptest::sample::select(marks.to_vec()), 0..40)
        .prop_map(|marks| marks.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), marks in marks()) {
        for text in [&text, &marks] {
            for format in [Format::Toml, Format::Yaml, Format::Json] {
                if let Err(error) = parse("a", text, format) {
                    assert!(error.to_string().lines().count() <= 5, "{error}");
                    assert!(error.span.line >= 1 && error.span.column >= 1);
                }
            }
        }
    }

    #[test]
    fn json_is_read_as_serde_reads_it(marks in marks()) {
        let ours = parse("a", &marks, Format::Json).ok().map(|tree| crate::json(&tree));
        if let Some(ours) = ours {
            let theirs: serde_json::Value = serde_json::from_str(&marks).unwrap();
            assert_eq!(ours, theirs);
        }
    }
}
