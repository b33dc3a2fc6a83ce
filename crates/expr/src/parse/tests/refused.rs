use expect_test::{Expect, expect};
use metalith_base::{Diagnostic as _, Kind};

use crate::{MAX_LENGTH, Rules, Schema, check, parse};

/// Each text: the error in full.
fn check_refused(texts: &[&str], expected: Expect) {
    let shown = texts.iter().map(|text| {
        let error = parse(text).expect_err(text);
        assert_eq!(error.kind(), Kind::Invalid);
        let hint = error.hint().map(|it| format!("hint: {it}\n")).unwrap_or_default();
        format!("[{}] {error}\n{hint}", error.code())
    });
    expected.assert_eq(&shown.collect::<String>());
}

#[test]
fn what_is_not_one_expression_is_refused() {
    check_refused(
        &[
            "",
            "  -- nothing",
            "SELECT * FROM x",
            "select 1",
            "delete from x",
            "DROP TABLE x",
            "update t set a = 1",
            "a = 1;",
            "a = 1; drop table x",
            "where a = 1",
            "a = 1 order by b",
            "a in (select b from c)",
            "(select 1)",
            "exists (select 1)",
            "a = select",
            "sum(a) over (partition by b)",
            "sum(a) filter (where b)",
            "(with x as (y) z)",
        ],
        expect![[r#"
            [expr.empty] the expression is empty
            hint: write a condition, e.g. `confidence < 0.3`
            [expr.empty] the expression is empty
            hint: write a condition, e.g. `confidence < 0.3`
            [expr.not-an-expression] `SELECT` begins a statement, not an expression
              SELECT * FROM x
              ^^^^^^
            hint: write only the condition or the value, e.g. `confidence < 0.3`
            [expr.not-an-expression] `SELECT` begins a statement, not an expression
              select 1
              ^^^^^^
            hint: write only the condition or the value, e.g. `confidence < 0.3`
            [expr.not-an-expression] `DELETE` begins a statement, not an expression
              delete from x
              ^^^^^^
            hint: write only the condition or the value, e.g. `confidence < 0.3`
            [expr.not-an-expression] `DROP` begins a statement, not an expression
              DROP TABLE x
              ^^^^
            hint: write only the condition or the value, e.g. `confidence < 0.3`
            [expr.not-an-expression] `UPDATE` begins a statement, not an expression
              update t set a = 1
              ^^^^^^
            hint: write only the condition or the value, e.g. `confidence < 0.3`
            [expr.not-an-expression] `;` does not belong here
              a = 1;
                   ^
            hint: leave the `;` out
            [expr.not-an-expression] there is more than one expression
              a = 1; drop table x
                   ^
            hint: keep what is before the `;`
            [expr.not-an-expression] `WHERE` begins a clause, not an expression
              where a = 1
              ^^^^^
            hint: write only the expression itself
            [expr.not-an-expression] `ORDER` begins a clause, not an expression
              a = 1 order by b
                    ^^^^^
            hint: write only the expression itself
            [expr.unsupported] a subquery cannot be used in an expression
              a in (select b from c)
                    ^^^^^^
            hint: use the columns of the row, or list values
            [expr.unsupported] a subquery cannot be used in an expression
              (select 1)
               ^^^^^^
            hint: use the columns of the row, or list values
            [expr.unsupported] a subquery cannot be used in an expression
              exists (select 1)
              ^^^^^^
            hint: use the columns of the row, or list values
            [expr.unsupported] a subquery cannot be used in an expression
              a = select
                  ^^^^^^
            hint: use the columns of the row
            [expr.unsupported] a window function cannot be used in an expression
              sum(a) over (partition by b)
                     ^^^^
            hint: use the columns of the row
            [expr.unsupported] FILTER cannot be used in an expression
              sum(a) filter (where b)
                     ^^^^^^
            hint: write sum(CASE WHEN condition THEN x END)
            [expr.unsupported] a subquery cannot be used in an expression
              (with x as (y) z)
               ^^^^
            hint: use the columns of the row, or list values
        "#]],
    );
}

#[test]
fn syntax_errors_say_what_was_expected() {
    check_refused(
        &[
            "a <",
            "a = = b",
            "a b",
            "a betwen 1 and 2",
            "(a",
            "a)",
            "a in 1",
            "a in ()",
            "a is 5",
            "a not b",
            "a < b < c",
            "a = b in (c)",
            "case a end",
            "case when a",
            "case when a then b",
            "case when a then b else c",
            "a between 1 or 2",
            "a like 'x' escape 'ab'",
            "and a",
            "a = when",
            "(a, b)",
            "a.",
            "a.1",
            "a.5",
            "upper(a",
            "\"upper\"(a)",
            "cast(a, int)",
            "cast(a as strng)",
            "a::",
            "a::decimal(99)",
            "position('x', a)",
            "a && b",
            "a ^ 2",
            "!a",
            "‘x’",
            "a[1]",
            "{a}",
            "{{}}",
            "\"\"",
            "a = 'it's'",
            "#",
            "distinct a",
            "interval 7",
            "upper(distinct a)",
            "a = 1\nand b = 2\nand ) c",
        ],
        expect![[r#"
            [expr.syntax] expected an expression, found the end
              a <
                 ^
            [expr.syntax] expected an expression, found `=`
              a = = b
                  ^
            [expr.syntax] expected an operator or the end, found `b`
              a b
                ^
            [expr.syntax] expected an operator or the end, found `betwen`
              a betwen 1 and 2
                ^^^^^^
            hint: did you mean `BETWEEN`?
            [expr.syntax] expected an operator or `)`, found the end
              (a
                ^
            [expr.syntax] expected an operator or the end, found `)`
              a)
               ^
            [expr.syntax] expected a list in parentheses, e.g. (1, 2), found `1`
              a in 1
                   ^
            [expr.syntax] expected at least one value, found `)`
              a in ()
                    ^
            [expr.syntax] expected NULL, TRUE, FALSE or DISTINCT FROM, found `5`
              a is 5
                   ^
            [expr.syntax] expected an operator or the end (only IN, BETWEEN and LIKE follow NOT), found `not`
              a not b
                ^^^
            [expr.syntax] expected AND, OR or the end after a comparison, found `<`
              a < b < c
                    ^
            hint: write `a < b AND b < c`, or put one comparison in parentheses
            [expr.syntax] expected AND, OR or the end after a comparison, found `in`
              a = b in (c)
                    ^^
            hint: write `a < b AND b < c`, or put one comparison in parentheses
            [expr.syntax] expected WHEN, found `end`
              case a end
                     ^^^
            [expr.syntax] expected THEN, found the end
              case when a
                         ^
            [expr.syntax] expected WHEN, ELSE or END, found the end
              case when a then b
                                ^
            [expr.syntax] expected END, found the end
              case when a then b else c
                                       ^
            [expr.syntax] expected AND, found `or`
              a between 1 or 2
                          ^^
            [expr.syntax] expected one character in quotes, e.g. '!', found `'ab'`
              a like 'x' escape 'ab'
                                ^^^^
            [expr.syntax] expected an expression, found `and`
              and a
              ^^^
            hint: quote it if it names a column: "and"
            [expr.syntax] expected an expression, found `when`
              a = when
                  ^^^^
            hint: quote it if it names a column: "when"
            [expr.syntax] expected `)`, found `,`
              (a, b)
                ^
            hint: a list stands after IN only
            [expr.syntax] expected a name after the dot, found the end
              a.
                ^
            [expr.syntax] expected a name after the dot, found `1`
              a.1
                ^
            [expr.syntax] expected a name after the dot, found `5`
              a.5
                ^
            [expr.syntax] expected `,` or `)`, found the end
              upper(a
                     ^
            [expr.syntax] expected an operator or the end, as this is no function, found `(`
              "upper"(a)
                     ^
            [expr.syntax] expected AS, found `,`
              cast(a, int)
                    ^
            [expr.unknown-type] unknown type `strng`
              cast(a as strng)
                        ^^^^^
            hint: did you mean `string`?
            [expr.syntax] expected the name of a type, e.g. BIGINT or TEXT, found the end
              a::
                 ^
            [expr.syntax] expected a number of digits, at most 38, found `99`
              a::decimal(99)
                         ^^
            [expr.syntax] expected IN, found `,`
              position('x', a)
                          ^
            hint: write position(part IN text) or strpos(text, part)
            [expr.syntax] expected an expression, found `&`
              a && b
                ^
            hint: write AND
            [expr.syntax] expected an expression, found `^`
              a ^ 2
                ^
            hint: write power(a, b)
            [expr.syntax] expected an expression, found `!`
              !a
              ^
            hint: write NOT, or <> for unequal
            [expr.syntax] expected an expression, found `‘`
              ‘x’
              ^
            hint: write straight quotes: '…'
            [expr.syntax] expected an expression, found `[`
              a[1]
               ^
            hint: write a list as (a, b, c), and a quoted name as "name"
            [expr.syntax] expected an expression, found `{`
              {a}
              ^
            hint: write a reference as {{NAME}}
            [expr.syntax] expected a name between {{ and }}, found `{{}}`
              {{}}
              ^^^^
            [expr.syntax] expected a name between the quotes, found `""`
              ""
              ^^
            hint: write empty text as ''
            [expr.unclosed] the text is not closed: `'` is missing
              a = 'it's'
                       ^
            hint: add `'`
            [expr.syntax] expected an expression, found `#`
              #
              ^
            [expr.syntax] expected an expression, found `distinct`
              distinct a
              ^^^^^^^^
            hint: quote it if it names a column: "distinct"
            [expr.syntax] expected a unit such as DAY or HOURS, found the end
              interval 7
                        ^
            [expr.unsupported] DISTINCT outside an aggregate cannot be used in an expression
              upper(distinct a)
                    ^^^^^^^^
            hint: leave DISTINCT out
            [expr.syntax] expected an expression, found `)`
              3 | and ) c
                      ^
        "#]],
    );
}

#[test]
fn broken_literals_are_refused() {
    check_refused(
        &[
            "'abc",
            "a = \"abc",
            "/* abc",
            "{{abc",
            "18446744073709551616",
            "x = -9223372036854775809",
            "1e999",
            "2nd = 1",
            "0x1F",
            "1.2.3",
            "date '2024-02-30'",
            "timestamp '2024-02-28 25:00'",
            "interval '7'",
            "interval '1 parsec'",
            "extract(era from d)",
        ],
        expect![[r#"
            [expr.unclosed] the text is not closed: `'` is missing
              'abc
              ^
            hint: add `'`
            [expr.unclosed] the name is not closed: `"` is missing
              a = "abc
                  ^
            hint: add `"`
            [expr.unclosed] the comment is not closed: `*/` is missing
              /* abc
              ^^
            hint: add `*/`
            [expr.unclosed] the reference is not closed: `}}` is missing
              {{abc
              ^^
            hint: add `}}`
            [expr.malformed] `18446744073709551616` is not an integer in range: they go from -9223372036854775808 to 18446744073709551615
              18446744073709551616
              ^^^^^^^^^^^^^^^^^^^^
            hint: write it as a float, e.g. `1e20`, or as text if it is an identifier
            [expr.malformed] `-9223372036854775809` is not an integer in range: they go from -9223372036854775808 to 18446744073709551615
              x = -9223372036854775809
                  ^^^^^^^^^^^^^^^^^^^^
            hint: write it as a float, e.g. `1e20`, or as text if it is an identifier
            [expr.malformed] `1e999` is not a number in range: floats end at 1.8e308
              1e999
              ^^^^^
            hint: write a number nearer to 0
            [expr.malformed] `2nd` is not a number
              2nd = 1
              ^^^
            hint: quote a name that begins with a digit: "2nd"
            [expr.malformed] `0x1F` is not a number
              0x1F
              ^^^^
            hint: write decimal digits
            [expr.syntax] expected an operator or the end, found `.3`
              1.2.3
                 ^^
            [expr.malformed] '2024-02-30' is not a date
              date '2024-02-30'
                   ^^^^^^^^^^^^
            hint: write a date as `2024-01-31`
            [expr.malformed] '2024-02-28 25:00' is not a timestamp
              timestamp '2024-02-28 25:00'
                        ^^^^^^^^^^^^^^^^^^
            hint: write a timestamp as `2024-01-31 12:30:00`, with up to 6 digits of a second and `Z` or `+02:00` where it has a zone
            [expr.malformed] '7' is not an interval
              interval '7'
                       ^^^
            hint: write an interval as `7 days` or `1 month 12 hours`, in whole numbers
            [expr.malformed] '1 parsec' is not an interval
              interval '1 parsec'
                       ^^^^^^^^^^
            hint: write an interval as `7 days` or `1 month 12 hours`, in whole numbers
            [expr.malformed] era is not a part of a date
              extract(era from d)
                      ^^^
            hint: write year, quarter, month, week, day, dow, doy, hour, minute, second, epoch
        "#]],
    );
}

#[test]
fn functions_are_called_right_or_refused() {
    check_refused(
        &[
            "uper(a)",
            "xyzzy(a)",
            "try_cast(a as int)",
            "upper()",
            "substr(a)",
            "coalesce()",
            "today(1)",
            "sum(a, b)",
            "sum()",
            "count()",
        ],
        expect![[r#"
            [expr.unknown-function] unknown function `uper`
              uper(a)
              ^^^^
            hint: did you mean `upper`?
            [expr.unknown-function] unknown function `xyzzy`
              xyzzy(a)
              ^^^^^
            [expr.unknown-function] unknown function `try_cast`
              try_cast(a as int)
              ^^^^^^^^
            hint: write CAST(x AS type)
            [expr.arity] `upper` takes 1 argument, not 0
              upper()
              ^^^^^^^
            hint: write `upper(text)`
            [expr.arity] `substr` takes 2 to 3 arguments, not 1
              substr(a)
              ^^^^^^^^^
            hint: write `substr(text, start[, length])`
            [expr.arity] `coalesce` takes at least 1 argument, not 0
              coalesce()
              ^^^^^^^^^^
            hint: write `coalesce(value, …)`
            [expr.arity] `today` takes no arguments, not 1
              today(1)
              ^^^^^^^^
            hint: write `today()`
            [expr.arity] `sum` takes 1 argument, not 2
              sum(a, b)
              ^^^^^^^^^
            hint: write `sum(value)`
            [expr.arity] `sum` takes 1 argument, not 0
              sum()
              ^^^^^
            hint: write `sum(value)`
            [expr.arity] `count` takes 1 argument, not 0
              count()
              ^^^^^^^
            hint: write `count(value)`
        "#]],
    );
}

#[test]
fn places_are_known_in_bytes_and_in_characters() {
    let error = parse("größe = 1\nand ü = ?").unwrap_err();
    assert_eq!((error.line(), error.column()), (2, 9));
    assert_eq!(&error.source_text()[error.span().start..error.span().end], "?");
    expect!["expected an expression, found `?`"].assert_eq(&error.message());
    let expr = parse(" (a + 1) * 2 ").unwrap();
    assert_eq!(expr.span().map(|it| (it.start, it.end)), Some((1, 12)));
}

#[test]
fn depth_and_length_are_limited() {
    let deep =
        |open: &str, close: &str, count| format!("{}x{}", open.repeat(count), close.repeat(count));
    // The smallest stack a worker thread has: nothing here may come near its end.
    let run = move || {
        for (open, close) in [("(", ")"), ("not ", ""), ("- ", ""), ("upper(", ")"), ("", " + 1")] {
            let expr = parse(&deep(open, close, 63)).unwrap();
            assert_eq!(parse(&expr.to_string()), Ok(expr.clone()));
            // Whatever the outcome, checking nests no deeper than parsing did.
            let typed = check(&expr, &Schema::default(), Rules::default());
            assert!(typed.is_err_and(|it| it.message().contains("unknown column")));
            let message = parse(&deep(open, close, 100_000)).unwrap_err().message();
            assert_eq!(message, "the expression is too deeply nested: the limit is 64 levels");
        }
        let case = "case when a then ".repeat(10_000);
        assert!(parse(&case).unwrap_err().message().contains("deeply nested"));
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
    assert!(parse(&vec!["a = 1"; 20_000].join(" or ")).is_ok());
    let error = parse(&"x".repeat(MAX_LENGTH + 1)).unwrap_err();
    expect!["the expression is too long: the limit is 1048576 bytes"].assert_eq(&error.message());
}
