use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use metalith_base::Diagnostic as _;

use super::{expand, references};
use crate::parse;

/// Names and expressions, one a line: `NAME: expression`.
fn check(text: &str, named: &str, expected: Expect) {
    let lines = named.lines().map(str::trim).filter(|it| !it.is_empty());
    let named: BTreeMap<_, _> = lines
        .map(|line| {
            let (name, text) = line.split_once(": ").unwrap();
            (name.to_owned(), parse(text).unwrap())
        })
        .collect();
    let shown = match expand(&parse(text).unwrap(), &named) {
        Ok(expr) => expr.to_string(),
        Err(error) => format!("{error}\nhint: {}", error.hint().unwrap_or_default()),
    };
    expected.assert_eq(&shown);
}

#[test]
fn a_name_stands_for_its_expression_in_parentheses() {
    check("{{A}} AND NOT {{ A }}", "A: x = 1 OR y", expect!["(x = 1 OR y) AND NOT (x = 1 OR y)"]);
    check("1 - {{A}} * 2", "A: x + {{B}}\n B: 3 - 4", expect!["1 - (x + (3 - 4)) * 2"]);
    check(
        "CASE {{A}} WHEN 1 THEN upper({{B}}) END IN ({{A}}, {{B}})",
        "A: x\n B: y",
        expect!["CASE x WHEN 1 THEN upper(y) END IN (x, y)"],
    );
}

#[test]
fn cycles_show_their_path() {
    check(
        "{{A}}",
        "A: {{A}}",
        expect![[r#"
        references form a cycle: A -> A
          {{A}}
          ^^^^^
        hint: take one of these references out"#]],
    );
    check(
        "x OR {{A}}",
        "A: {{B}} + 1\n B: 2 * {{C}}\n C: {{B}}",
        expect![[r#"
        references form a cycle: B -> C -> B
          {{B}}
          ^^^^^
        hint: take one of these references out"#]],
    );
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    check(
        "a < {{TRESHOLD}}",
        "THRESHOLD: 1",
        expect![[r#"
        unknown reference `TRESHOLD`
          a < {{TRESHOLD}}
              ^^^^^^^^^^^^
        hint: did you mean `{{THRESHOLD}}`?"#]],
    );
    check(
        "a < {{X}}",
        "THRESHOLD: 1\n B: 2",
        expect![[r#"
        unknown reference `X`
          a < {{X}}
              ^^^^^
        hint: known names are B, THRESHOLD"#]],
    );
    check(
        "a < {{X}}",
        "",
        expect![[r#"
        unknown reference `X`
          a < {{X}}
              ^^^^^
        hint: no expression has a name here"#]],
    );
}

#[test]
fn growth_is_limited() {
    let doubling: Vec<_> =
        (0..60).map(|it| format!("N{it}: {{{{N{}}}}} + {{{{N{}}}}}", it + 1, it + 1)).collect();
    check(
        "{{N0}}",
        &format!("{}\nN60: 1", doubling.join("\n")),
        expect![[r#"
        the expression is too large: the limit is 250000 nodes from references
          {{N45}} + {{N45}}
                    ^^^^^^^
        hint: split it, or use `IN (…)` for many values"#]],
    );
    let chain: Vec<_> = (0..1000).map(|it| format!("N{it}: {{{{N{}}}}}", it + 1)).collect();
    check(
        "{{N0}}",
        &format!("{}\nN1000: 1", chain.join("\n")),
        expect![[r#"
            the expression is too deeply nested: the limit is 64 levels
              {{N129}}
              ^^^^^^^^
            hint: split it, or use `IN (…)` for many values"#]],
    );
}

#[test]
fn references_are_listed() {
    let expr = parse("{{B}} AND x = {{A}} + {{B}}").unwrap();
    assert_eq!(references(&expr).into_iter().collect::<Vec<_>>(), ["A", "B"]);
}
