use expect_test::{Expect, expect};

use super::{checked, schema, shown};
use crate::{Expr, Quotes, Rules, Type, check, check_condition, column, parse_with};

fn check_refused(texts: &[&str], expected: Expect) {
    let errors = texts.iter().map(|text| shown(&checked(text).expect_err(text)));
    expected.assert_eq(&errors.collect::<String>());
}

#[test]
fn unknown_columns_are_refused_with_the_nearest() {
    check_refused(
        &[
            "confidnce < 0.3",
            "zzz = 1",
            "name = \"bob\"",
            "audio.lft = 'x'",
            "i.x",
            "a.b.c = 1",
            "{{X}} and b",
            "i = 1 and\n  b and confidnse > 1",
        ],
        expect![[r#"
            [expr.unknown-column] unknown column `confidnce`
              confidnce < 0.3
              ^^^^^^^^^
            hint: did you mean `confidence`?
            [expr.unknown-column] unknown column `zzz`
              zzz = 1
              ^^^
            hint: known columns are `i`, `u`, `f`, `p`, `b`, `name`, `d`, `t`, `tz`, `span`, `tags`, `audio` and 3 more
            [expr.unknown-column] unknown column `bob`
              name = "bob"
                     ^^^^^
            hint: "…" is a name; write text as 'bob'
            [expr.unknown-column] unknown member `audio.lft`
              audio.lft = 'x'
              ^^^^^^^^^
            hint: did you mean `left`?
            [expr.unknown-column] unknown member `i.x`
              i.x
              ^^^
            hint: `i` is an integer and has no members
            [expr.unknown-column] unknown column `a.b.c`
              a.b.c = 1
              ^^^^^
            hint: known columns are `i`, `u`, `f`, `p`, `b`, `name`, `d`, `t`, `tz`, `span`, `tags`, `audio` and 3 more
            [expr.unknown-reference] unknown reference `X`
              {{X}} and b
              ^^^^^
            hint: named expressions are not known here
            [expr.unknown-column] unknown column `confidnse`
              2 |   b and confidnse > 1
                          ^^^^^^^^^
            hint: did you mean `confidence`?
        "#]],
    );
}

#[test]
fn what_does_not_compare_is_refused_with_advice() {
    check_refused(
        &[
            "i = '12'",
            "i = 'abc'",
            "'12' < i",
            "name = 5",
            "name = i",
            "name = d",
            "b = 1",
            "b = 'true'",
            "d = 5",
            "i = d",
            "t = name",
            "id = 5",
            "i in (1, 'x')",
            "name in ('a', 1)",
            "i between 'a' and 'b'",
            "tags < tags",
            "tags = 'x'",
            "coalesce(i, 'x')",
            "case when b then 1 else 'x' end",
            "i is distinct from 'x'",
            "d = 'yesterday'",
            "t > '2024-13-01'",
            "d >= '2024-01-01 12:00'",
            "span = '7'",
            "cast('x' as date)",
        ],
        expect![[r#"
            [expr.type] cannot compare `i` (an integer) and `'12'` (text)
              i = '12'
                  ^^^^
            hint: remove the quotes: 12, or convert with CAST(i AS TEXT)
            [expr.type] cannot compare `i` (an integer) and `'abc'` (text)
              i = 'abc'
                  ^^^^^
            hint: write a number, or convert with CAST(i AS TEXT)
            [expr.type] cannot compare `'12'` (text) and `i` (an integer)
              '12' < i
              ^^^^
            hint: remove the quotes: 12, or convert with CAST(i AS TEXT)
            [expr.type] cannot compare `name` (text) and `5` (an integer)
              name = 5
                     ^
            hint: put it in quotes: '5', or convert with CAST(name AS BIGINT)
            [expr.type] cannot compare `name` (text) and `i` (an integer)
              name = i
              ^^^^^^^^
            hint: convert with CAST(name AS BIGINT)
            [expr.type] cannot compare `name` (text) and `d` (a date)
              name = d
              ^^^^^^^^
            hint: convert with CAST(name AS DATE)
            [expr.type] cannot compare `b` (a boolean) and `1` (an integer)
              b = 1
                  ^
            hint: write TRUE or FALSE instead of a number, or the condition alone
            [expr.type] cannot compare `b` (a boolean) and `'true'` (text)
              b = 'true'
                  ^^^^^^
            hint: write TRUE without quotes
            [expr.type] cannot compare `d` (a date) and `5` (an integer)
              d = 5
                  ^
            hint: write a date as DATE '2024-01-31', a duration as INTERVAL '7 days'
            [expr.type] cannot compare `i` (an integer) and `d` (a date)
              i = d
              ^^^^^
            hint: write a date as DATE '2024-01-31', a duration as INTERVAL '7 days'
            [expr.type] cannot compare `t` (a timestamp) and `name` (text)
              t = name
              ^^^^^^^^
            hint: convert with CAST(name AS TIMESTAMP)
            [expr.type] cannot compare `id` (of type Uuid) and `5` (an integer)
              id = 5
                   ^
            hint: convert with CAST(id AS TEXT)
            [expr.type] cannot compare `i` (an integer) and `'x'` (text)
              i in (1, 'x')
                       ^^^
            hint: write a number, or convert with CAST(i AS TEXT)
            [expr.type] cannot compare `name` (text) and `1` (an integer)
              name in ('a', 1)
                            ^
            hint: put it in quotes: '1', or convert with CAST(name AS BIGINT)
            [expr.type] cannot compare `i` (an integer) and `'a'` (text)
              i between 'a' and 'b'
                        ^^^
            hint: write a number, or convert with CAST(i AS TEXT)
            [expr.type] `tags` must be something with an order, not a list
              tags < tags
              ^^^^
            hint: compare lists and structs with = or <> only
            [expr.type] cannot compare `tags` (a list) and `'x'` (text)
              tags = 'x'
                     ^^^
            [expr.type] cannot choose between `i` (an integer) and `'x'` (text)
              coalesce(i, 'x')
                          ^^^
            hint: write a number, or convert with CAST(i AS TEXT)
            [expr.type] cannot choose between `1` (an integer) and `'x'` (text)
              case when b then 1 else 'x' end
                                      ^^^
            hint: write a number, or convert with CAST(1 AS TEXT)
            [expr.type] cannot compare `i` (an integer) and `'x'` (text)
              i is distinct from 'x'
                                 ^^^
            hint: write a number, or convert with CAST(i AS TEXT)
            [expr.malformed] 'yesterday' is not a date
              d = 'yesterday'
                  ^^^^^^^^^^^
            hint: write a date as `2024-01-31`
            [expr.malformed] '2024-13-01' is not a timestamp
              t > '2024-13-01'
                  ^^^^^^^^^^^^
            hint: write a timestamp as `2024-01-31 12:30:00`, with up to 6 digits of a second and `Z` or `+02:00` where it has a zone
            [expr.malformed] '2024-01-01 12:00' is not a date
              d >= '2024-01-01 12:00'
                   ^^^^^^^^^^^^^^^^^^
            hint: leave the time of day out, or cast the date to TIMESTAMP
            [expr.malformed] '7' is not an interval
              span = '7'
                     ^^^
            hint: write an interval as `7 days` or `1 month 12 hours`, in whole numbers
            [expr.malformed] 'x' is not a date
              cast('x' as date)
                   ^^^
            hint: write a date as `2024-01-31`
        "#]],
    );
}

#[test]
fn nulls_are_tested_not_compared() {
    check_refused(
        &[
            "i = NULL",
            "NULL <> name",
            "i < NULL",
            "i in (1, NULL)",
            "NULL in (i)",
            "i not between NULL and 2",
            "case i when null then 1 end",
        ],
        expect![[r#"
            [expr.null-comparison] a comparison with NULL is never true
              i = NULL
                  ^^^^
            hint: write `i IS NULL`
            [expr.null-comparison] a comparison with NULL is never true
              NULL <> name
              ^^^^
            hint: write `name IS NOT NULL`
            [expr.null-comparison] a comparison with NULL is never true
              i < NULL
                  ^^^^
            hint: NULL is neither more nor less; write `i IS NOT NULL`
            [expr.null-comparison] a comparison with NULL is never true
              i in (1, NULL)
                       ^^^^
            hint: leave NULL out, and write `i IS NULL` for it
            [expr.null-comparison] a comparison with NULL is never true
              NULL in (i)
              ^^^^
            hint: compare something that can have a value
            [expr.null-comparison] a comparison with NULL is never true
              i not between NULL and 2
                            ^^^^
            hint: leave NULL out, and write `i IS NULL` for it
            [expr.null-comparison] a comparison with NULL is never true
              case i when null then 1 end
                          ^^^^
            hint: leave NULL out, and write `i IS NULL` for it
        "#]],
    );
}

#[test]
fn operands_must_fit_their_operator() {
    check_refused(
        &[
            "i and b",
            "b or name",
            "not d",
            "not tags",
            "i is true",
            "case when i then 1 end",
            "i + name",
            "name + 'x'",
            "b * 2",
            "d + d",
            "d * 2",
            "d + '7 days'",
            "-name",
            "i like '1%'",
            "name like 5",
            "i / 0",
            "i % 0.00",
            "mod(i, 0)",
            "tags || 'x'",
            "upper(i)",
            "sqrt(name)",
            "substr(name, 1.5)",
            "year(i)",
            "year(name)",
            "date_part('yeer', d)",
            "date_part(name, d)",
            "date_trunc('dow', d)",
            "cast(i as date)",
            "cast(d as bigint)",
            "cast(tags as text)",
            "to_timestamp(f)",
            "to_timestamp(i, 'x')",
            "sum(name)",
            "min(tags)",
            "sum(sum(i))",
            "t + t",
        ],
        expect![[r#"
            [expr.type] an operand of `AND` must be a boolean, not an integer
              i and b
              ^
            hint: compare it, e.g. `i <> 0`
            [expr.type] an operand of `OR` must be a boolean, not text
              b or name
                   ^^^^
            hint: compare it, e.g. `name = 'value'`
            [expr.type] the operand of `NOT` must be a boolean, not a date
              not d
                  ^
            hint: compare it, e.g. `d >= '2024-01-31'`
            [expr.type] the operand of `NOT` must be a boolean, not a list
              not tags
                  ^^^^
            hint: test it, e.g. `tags IS NOT NULL`
            [expr.type] the value before `IS TRUE` must be a boolean, not an integer
              i is true
              ^
            hint: compare it, e.g. `i <> 0`
            [expr.type] a condition after `WHEN` must be a boolean, not an integer
              case when i then 1 end
                        ^
            hint: compare it, e.g. `i <> 0`
            [expr.type] cannot add `i` (an integer) and `name` (text)
              i + name
              ^^^^^^^^
            hint: convert with CAST(name AS BIGINT)
            [expr.type] cannot add `name` (text) and `'x'` (text)
              name + 'x'
                     ^^^
            hint: join texts with ||
            [expr.type] cannot multiply `b` (a boolean) and `2` (an integer)
              b * 2
                  ^
            hint: write TRUE or FALSE instead of a number, or the condition alone
            [expr.type] cannot add `d` (a date) and `d` (a date)
              d + d
              ^^^^^
            [expr.type] cannot multiply `d` (a date) and `2` (an integer)
              d * 2
                  ^
            hint: write a date as DATE '2024-01-31', a duration as INTERVAL '7 days'
            [expr.type] cannot add `d` (a date) and `'7 days'` (text)
              d + '7 days'
                  ^^^^^^^^
            hint: write INTERVAL '7 days'
            [expr.type] the operand of `-` must be a number or an interval, not text
              -name
               ^^^^
            [expr.type] the value before `LIKE` must be text, not an integer
              i like '1%'
              ^
            hint: convert with CAST(i AS TEXT)
            [expr.type] the pattern of `LIKE` must be text, not an integer
              name like 5
                        ^
            hint: convert with CAST(5 AS TEXT)
            [expr.zero-division] division by zero
              i / 0
                  ^
            hint: divide by something that is not 0
            [expr.zero-division] division by zero
              i % 0.00
                  ^^^^
            hint: divide by something that is not 0
            [expr.zero-division] division by zero
              mod(i, 0)
                     ^
            hint: divide by something that is not 0
            [expr.type] the left side of `||` must be text, not a list
              tags || 'x'
              ^^^^
            [expr.type] `text` of `upper` must be text, not an integer
              upper(i)
                    ^
            hint: convert with CAST(i AS TEXT)
            [expr.type] `number` of `sqrt` must be a number, not text
              sqrt(name)
                   ^^^^
            hint: convert with CAST(name AS DOUBLE)
            [expr.type] `start` of `substr` must be an integer, not a float
              substr(name, 1.5)
                           ^^^
            hint: write CAST(1.5 AS BIGINT)
            [expr.type] `time` of `year` must be a date or a timestamp, not an integer
              year(i)
                   ^
            hint: write to_timestamp(i)
            [expr.type] `time` of `year` must be a date or a timestamp, not text
              year(name)
                   ^^^^
            hint: convert with CAST(name AS DATE)
            [expr.malformed] 'yeer' is not a part of a date
              date_part('yeer', d)
                        ^^^^^^
            hint: write year, quarter, month, week, day, dow, doy, hour, minute, second, epoch
            [expr.malformed] name is not a part of a date
              date_part(name, d)
                        ^^^^
            hint: write year, quarter, month, week, day, dow, doy, hour, minute, second, epoch
            [expr.malformed] 'dow' is not a part of a date
              date_trunc('dow', d)
                         ^^^^^
            hint: write year, quarter, month, week, day, dow, doy, hour, minute, second, epoch
            [expr.type] an integer cannot be cast to DATE
              cast(i as date)
                   ^
            hint: write to_timestamp(i) for seconds since 1970
            [expr.type] a date cannot be cast to BIGINT
              cast(d as bigint)
                   ^
            hint: write date_part('epoch', d)
            [expr.type] a list cannot be cast to TEXT
              cast(tags as text)
                   ^^^^
            [expr.type] `value` of `to_timestamp` must be text or an integer, not a float
              to_timestamp(f)
                           ^
            [expr.type] `value` of `to_timestamp` with a format must be text, not an integer
              to_timestamp(i, 'x')
              ^^^^^^^^^^^^^^^^^^^^
            [expr.type] the argument of `sum` must be a number, not text
              sum(name)
                  ^^^^
            [expr.type] the argument of `min` must be something with an order, not a list
              min(tags)
                  ^^^^
            [expr.aggregate] `sum` aggregates rows and cannot be used within another aggregate
              sum(sum(i))
                  ^^^^^^
            hint: use values of the row itself
            [expr.type] cannot add `t` (a timestamp) and `t` (a timestamp)
              t + t
              ^^^^^
        "#]],
    );
}

#[test]
fn aggregates_are_refused_where_rows_stand_alone() {
    let expr = parse_with("i > avg(i)", Quotes::Identifier).unwrap();
    let error = check(&expr, &schema(), Rules::default()).unwrap_err();
    expect![[r#"
        [expr.aggregate] `avg` aggregates rows and cannot be used where each row stands alone
          i > avg(i)
              ^^^^^^
        hint: use values of the row itself
    "#]]
    .assert_eq(&shown(&error));
}

#[test]
fn a_condition_is_a_boolean() {
    let condition = |text: &str| {
        let expr = parse_with(text, Quotes::Identifier).unwrap();
        check_condition(&expr, &schema(), Rules::default())
    };
    assert_eq!(condition("NULL").unwrap().data_type(), &Type::Bool);
    let errors = ["i", "name", "d", "audio", "i + 1"].map(|it| shown(&condition(it).unwrap_err()));
    expect![[r#"
        [expr.type] a condition must be a boolean, not an integer
          i
          ^
        hint: compare it, e.g. `i <> 0`
        [expr.type] a condition must be a boolean, not text
          name
          ^^^^
        hint: compare it, e.g. `name = 'value'`
        [expr.type] a condition must be a boolean, not a date
          d
          ^
        hint: compare it, e.g. `d >= '2024-01-31'`
        [expr.type] a condition must be a boolean, not a struct
          audio
          ^^^^^
        hint: test it, e.g. `audio IS NOT NULL`
        [expr.type] a condition must be a boolean, not an integer
          i + 1
          ^^^^^
        hint: compare it, e.g. `x <> 0`
    "#]]
    .assert_eq(&errors.concat());
}

#[test]
fn what_a_program_built_is_refused_in_its_own_words() {
    let refused = |expr: Expr| shown(&check(&expr, &schema(), Rules::default()).unwrap_err());
    let errors = [
        refused(column("b").and(column("nmae").eq("x"))),
        refused(column("name").eq(5)),
        refused(column("i").eq(None::<i64>)),
        refused(column("b") + 1),
    ];
    expect![[r#"
        [expr.unknown-column] unknown column `nmae`
          nmae
          ^^^^
        hint: did you mean `name`?
        [expr.type] cannot compare `name` (text) and `5` (an integer)
          5
          ^
        hint: put it in quotes: '5', or convert with CAST(name AS BIGINT)
        [expr.null-comparison] a comparison with NULL is never true
          NULL
          ^^^^
        hint: write `i IS NULL`
        [expr.type] cannot add `b` (a boolean) and `1` (an integer)
          1
          ^
        hint: write TRUE or FALSE instead of a number, or the condition alone
    "#]]
    .assert_eq(&errors.concat());
    let tall = (0..2000).fold(column("i"), |sum, _| sum + 1);
    assert!(refused(tall).contains("too deeply nested"));
}
