use expect_test::{Expect, expect};
use metalith_base::Diagnostic as _;
use proptest::prelude::{any, proptest};

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
        assert_eq!(parse("a", "", format).unwrap().value, Value::Table(Vec::new()));
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        for format in [Format::Toml, Format::Yaml, Format::Json] {
            drop(parse("a", &text, format));
        }
    }
}
