use std::sync::Arc;

use expect_test::{Expect, expect};

use super::{Place, Span};

fn check(text: &str, start: usize, end: usize, expected: Expect) {
    let place = Place::new(&Arc::from(text), Span { start, end });
    // The first line keeps the indentation of the others.
    expected.assert_eq(&format!(".\n{}", place.snippet()));
}

#[test]
fn carets_stand_under_the_span() {
    check(
        "a < b",
        4,
        5,
        expect![[r#"
            .
              a < b
                  ^"#]],
    );
    check(
        "a <",
        3,
        3,
        expect![[r#"
            .
              a <
                 ^"#]],
    );
}

#[test]
fn of_many_lines_the_right_one_is_shown() {
    check(
        "a = 1\n  and bb = 2\nand c",
        12,
        14,
        expect![[r#"
            .
              2 |   and bb = 2
                        ^^"#]],
    );
}

#[test]
fn wide_characters_take_two_cells() {
    check(
        "'日本' = x",
        11,
        12,
        expect![[r#"
            .
              '日本' = x
                       ^"#]],
    );
}

#[test]
fn a_long_line_is_cut_round_the_span() {
    let text = format!("{} here {}", "x".repeat(500), "y".repeat(500));
    check(
        &text,
        501,
        505,
        expect![[r#"
            .
              …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx here yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
                                                                          ^^^^"#]],
    );
}

#[test]
fn a_span_within_a_character_or_outside_is_pulled_in() {
    check(
        "é\u{7}",
        1,
        99,
        expect![[r#"
            .
              é
              ^^"#]],
    );
}
