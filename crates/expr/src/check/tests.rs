use expect_test::{Expect, expect};
use metalith_base::Diagnostic as _;
use proptest::prelude::*;

use super::{Aggregates, Rules, check, check_condition, require_type};
use crate::{
    Column, Expr, ExprError, Quotes, Schema, Type, Typed, TypedKind, column, lit, parse_with,
};

fn schema() -> Schema {
    let members = vec![("left".to_owned(), Type::Text), ("count".to_owned(), Type::Int)];
    Schema::new([
        Column::new("i", Type::Int),
        Column::new("u", Type::UInt),
        Column::new("f", Type::Float),
        Column::new("p", Type::Decimal(10, 2)),
        Column::new("b", Type::Bool),
        Column::new("name", Type::Text),
        Column::new("d", Type::Date),
        Column::new("t", Type::Timestamp { zoned: false }),
        Column::new("tz", Type::Timestamp { zoned: true }),
        Column::new("span", Type::Interval),
        Column::new("tags", Type::List(Box::new(Type::Text))),
        Column::new("audio", Type::Struct(members)),
        Column::new("id", Type::Other("Uuid".to_owned())),
        Column::new("bytes", Type::Bytes),
        Column::new("confidence", Type::Float),
    ])
}

fn checked(text: &str) -> Result<Typed, ExprError> {
    let rules = Rules { aggregates: Aggregates::Allowed };
    check(&parse_with(text, Quotes::Identifier)?, &schema(), rules)
}

/// A typed tree: casts and literals with their types, everything else by its shape.
fn show(typed: &Typed) -> String {
    let name = match typed.kind() {
        TypedKind::Literal(literal) => return format!("{literal}:{}", typed.data_type()),
        TypedKind::Decimal(unscaled) => return format!("{unscaled}:{}", typed.data_type()),
        TypedKind::Column(index) => return schema().columns()[*index].name.clone(),
        TypedKind::Member { name, .. } => format!("member {name}"),
        TypedKind::Cast(_) => format!("cast {}", typed.data_type()),
        TypedKind::Compare { op, .. } => op.to_string(),
        TypedKind::Arithmetic { op, .. } => op.to_string(),
        TypedKind::Is { test, .. } => format!("is {test}"),
        TypedKind::Call { function, .. } => format!("{function:?}"),
        TypedKind::Aggregate { function, .. } => function.name().to_owned(),
        TypedKind::DatePart { unit, .. } => format!("part {}", unit.name()),
        TypedKind::DateTrunc { unit, .. } => format!("trunc {}", unit.name()),
        other => {
            let debug = format!("{other:?}");
            debug.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default().to_owned()
        }
    };
    let mut children = Vec::new();
    typed.kind().for_each_child(&mut |child| children.push(show(child)));
    format!("[{name} {}]", children.join(" ")).replace(" ]", "]")
}

fn check_types(texts: &[&str], expected: Expect) {
    let shown = texts.iter().map(|text| match checked(text) {
        Ok(typed) => format!("{text}  =>  {} : {}\n", show(&typed), typed.data_type()),
        Err(error) => panic!("{error}"),
    });
    expected.assert_eq(&shown.collect::<String>());
}

fn shown(error: &ExprError) -> String {
    let hint = error.hint().map(|it| format!("hint: {it}\n")).unwrap_or_default();
    format!("[{}] {error}\n{hint}", error.code())
}

fn check_refused(texts: &[&str], expected: Expect) {
    let errors = texts.iter().map(|text| shown(&checked(text).expect_err(text)));
    expected.assert_eq(&errors.collect::<String>());
}

#[test]
fn numbers_meet_in_the_wider_type() {
    check_types(
        &[
            "i < 1",
            "i < 1.5",
            "u = 5",
            "u > -1",
            "i = u",
            "f = 1",
            "f = i",
            "p = 1",
            "p < 9.99",
            "p = 1.005",
            "p = 1e-30",
            "p = i",
            "p = f",
            "18446744073709551615 = u",
            "18446744073709551615 = i",
            "1 < 2.5",
        ],
        expect![[r#"
            i < 1  =>  [< i 1:BIGINT] : BOOLEAN
            i < 1.5  =>  [< [cast DOUBLE i] 1.5:DOUBLE] : BOOLEAN
            u = 5  =>  [= u 5:UBIGINT] : BOOLEAN
            u > -1  =>  [> [cast DECIMAL(20, 0) u] -1:DECIMAL(20, 0)] : BOOLEAN
            i = u  =>  [= [cast DECIMAL(20, 0) i] [cast DECIMAL(20, 0) u]] : BOOLEAN
            f = 1  =>  [= f 1.0:DOUBLE] : BOOLEAN
            f = i  =>  [= f [cast DOUBLE i]] : BOOLEAN
            p = 1  =>  [= p 100:DECIMAL(10, 2)] : BOOLEAN
            p < 9.99  =>  [< p 999:DECIMAL(10, 2)] : BOOLEAN
            p = 1.005  =>  [= [cast DECIMAL(11, 3) p] 1005:DECIMAL(11, 3)] : BOOLEAN
            p = 1e-30  =>  [= [cast DECIMAL(38, 30) p] 1:DECIMAL(38, 30)] : BOOLEAN
            p = i  =>  [= [cast DECIMAL(22, 2) p] [cast DECIMAL(22, 2) i]] : BOOLEAN
            p = f  =>  [= [cast DOUBLE p] f] : BOOLEAN
            18446744073709551615 = u  =>  [= 18446744073709551615:UBIGINT u] : BOOLEAN
            18446744073709551615 = i  =>  [= 18446744073709551615:DECIMAL(20, 0) [cast DECIMAL(20, 0) i]] : BOOLEAN
            1 < 2.5  =>  [< 1.0:DOUBLE 2.5:DOUBLE] : BOOLEAN
        "#]],
    );
}

#[test]
fn arithmetic_keeps_or_widens() {
    check_types(
        &[
            "i + 1",
            "i / 2",
            "i / 2.0",
            "u % 10",
            "u - 1",
            "u + i",
            "-u",
            "-(5)",
            "p + 1",
            "p * p",
            "p / 2",
            "i + NULL",
            "f * i",
            "name || i || NULL",
            "mod(i, 3)",
            "i % -1",
            "abs(i) + round(f, 1)",
            "p * 1.5",
        ],
        expect![[r#"
            i + 1  =>  [+ i 1:BIGINT] : BIGINT
            i / 2  =>  [/ i 2:BIGINT] : BIGINT
            i / 2.0  =>  [/ [cast DOUBLE i] 2.0:DOUBLE] : DOUBLE
            u % 10  =>  [% u 10:UBIGINT] : UBIGINT
            u - 1  =>  [- [cast BIGINT u] 1:BIGINT] : BIGINT
            u + i  =>  [+ [cast BIGINT u] i] : BIGINT
            -u  =>  [Negate [cast BIGINT u]] : BIGINT
            -(5)  =>  [Negate 5:BIGINT] : BIGINT
            p + 1  =>  [+ p 100:DECIMAL(10, 2)] : DECIMAL(11, 2)
            p * p  =>  [* p p] : DECIMAL(21, 4)
            p / 2  =>  [/ [cast DOUBLE p] 2.0:DOUBLE] : DOUBLE
            i + NULL  =>  [+ i NULL:BIGINT] : BIGINT
            f * i  =>  [* f [cast DOUBLE i]] : DOUBLE
            name || i || NULL  =>  [|| [|| name [cast TEXT i]] NULL:TEXT] : TEXT
            mod(i, 3)  =>  [% i 3:BIGINT] : BIGINT
            i % -1  =>  [% i -1:BIGINT] : BIGINT
            abs(i) + round(f, 1)  =>  [+ [cast DOUBLE [Abs i]] [Round f 1:BIGINT]] : DOUBLE
            p * 1.5  =>  [* p 150:DECIMAL(10, 2)] : DECIMAL(21, 4)
        "#]],
    );
}

#[test]
fn text_becomes_a_time_where_times_are() {
    check_types(
        &[
            "d >= '2024-01-31'",
            "t < '2024-01-31'",
            "tz = '2024-01-31T10:00:00+02:00'",
            "d = t",
            "t = tz",
            "d = DATE '2024-01-31'",
            "t > DATE '2024-01-31'",
            "tz > TIMESTAMP '2024-01-31 10:00'",
            "d between '2024-01-01' and today()",
            "d in ('2024-01-01', '2024-02-01')",
            "'2024-01-01' < d",
            "span > '7 days'",
            "'2024-01-01'::date",
            "cast(name as date)",
            "id = 'x'",
            "bytes = 'x'",
            "cast('2024-01-01 10:00' as timestamp)",
            "date('2024-01-01 10:00:00')",
            "date(t)",
            "date(name)",
            "date(d)",
        ],
        expect![[r#"
            d >= '2024-01-31'  =>  [>= d DATE '2024-01-31':DATE] : BOOLEAN
            t < '2024-01-31'  =>  [< t TIMESTAMP '2024-01-31 00:00:00':TIMESTAMP] : BOOLEAN
            tz = '2024-01-31T10:00:00+02:00'  =>  [= tz TIMESTAMP '2024-01-31 08:00:00Z':TIMESTAMPTZ] : BOOLEAN
            d = t  =>  [= [cast TIMESTAMP d] t] : BOOLEAN
            t = tz  =>  [= [cast TIMESTAMPTZ t] tz] : BOOLEAN
            d = DATE '2024-01-31'  =>  [= d DATE '2024-01-31':DATE] : BOOLEAN
            t > DATE '2024-01-31'  =>  [> t TIMESTAMP '2024-01-31 00:00:00':TIMESTAMP] : BOOLEAN
            tz > TIMESTAMP '2024-01-31 10:00'  =>  [> tz TIMESTAMP '2024-01-31 10:00:00Z':TIMESTAMPTZ] : BOOLEAN
            d between '2024-01-01' and today()  =>  [Between d DATE '2024-01-01':DATE [Today]] : BOOLEAN
            d in ('2024-01-01', '2024-02-01')  =>  [In d DATE '2024-01-01':DATE DATE '2024-02-01':DATE] : BOOLEAN
            '2024-01-01' < d  =>  [< DATE '2024-01-01':DATE d] : BOOLEAN
            span > '7 days'  =>  [> span INTERVAL '7 days':INTERVAL] : BOOLEAN
            '2024-01-01'::date  =>  DATE '2024-01-01':DATE : DATE
            cast(name as date)  =>  [cast DATE name] : DATE
            id = 'x'  =>  [= id [cast Uuid 'x':TEXT]] : BOOLEAN
            bytes = 'x'  =>  [= bytes [cast BYTES 'x':TEXT]] : BOOLEAN
            cast('2024-01-01 10:00' as timestamp)  =>  TIMESTAMP '2024-01-01 10:00:00':TIMESTAMP : TIMESTAMP
            date('2024-01-01 10:00:00')  =>  [cast DATE TIMESTAMP '2024-01-01 10:00:00':TIMESTAMP] : DATE
            date(t)  =>  [cast DATE t] : DATE
            date(name)  =>  [cast DATE name] : DATE
            date(d)  =>  d : DATE
        "#]],
    );
}

#[test]
fn dates_are_calculated_with() {
    check_types(
        &[
            "d + 7",
            "7 + d",
            "d - 7",
            "d - d",
            "d - '2024-01-01'",
            "d + INTERVAL '1 month'",
            "d + INTERVAL '1 hour'",
            "d + span",
            "t - INTERVAL 7 DAY",
            "INTERVAL 7 DAY + t",
            "t - t",
            "t - d",
            "tz - t",
            "now() - INTERVAL '7 days' < tz",
            "t > now() - INTERVAL '7 days'",
            "d >= today() - 7",
            "span + INTERVAL '1 day'",
            "-span",
            "year(d)",
            "hour(d)",
            "extract(epoch from tz)",
            "date_trunc('month', d)",
            "date_trunc('DAY', tz)",
            "datediff(t, '2024-01-01')",
            "dateadd(t, 3)",
            "to_date(name, '%d.%m.%Y')",
            "to_timestamp(i)",
            "month('2024-01-01')",
            "hour('2024-01-01T10:00Z')",
        ],
        expect![[r#"
            d + 7  =>  [AddDays d 7:BIGINT] : DATE
            7 + d  =>  [AddDays d 7:BIGINT] : DATE
            d - 7  =>  [AddDays d [Negate 7:BIGINT]] : DATE
            d - d  =>  [DaysBetween d d] : BIGINT
            d - '2024-01-01'  =>  [DaysBetween DATE '2024-01-01':DATE d] : BIGINT
            d + INTERVAL '1 month'  =>  [+ d INTERVAL '1 months':INTERVAL] : DATE
            d + INTERVAL '1 hour'  =>  [+ [cast TIMESTAMP d] INTERVAL '3600000000 microseconds':INTERVAL] : TIMESTAMP
            d + span  =>  [+ [cast TIMESTAMP d] span] : TIMESTAMP
            t - INTERVAL 7 DAY  =>  [- t INTERVAL '7 days':INTERVAL] : TIMESTAMP
            INTERVAL 7 DAY + t  =>  [+ t INTERVAL '7 days':INTERVAL] : TIMESTAMP
            t - t  =>  [- t t] : INTERVAL
            t - d  =>  [- t [cast TIMESTAMP d]] : INTERVAL
            tz - t  =>  [- tz [cast TIMESTAMPTZ t]] : INTERVAL
            now() - INTERVAL '7 days' < tz  =>  [< [- [Now] INTERVAL '7 days':INTERVAL] tz] : BOOLEAN
            t > now() - INTERVAL '7 days'  =>  [> [cast TIMESTAMPTZ t] [- [Now] INTERVAL '7 days':INTERVAL]] : BOOLEAN
            d >= today() - 7  =>  [>= d [AddDays [Today] [Negate 7:BIGINT]]] : BOOLEAN
            span + INTERVAL '1 day'  =>  [+ span INTERVAL '1 days':INTERVAL] : INTERVAL
            -span  =>  [Negate span] : INTERVAL
            year(d)  =>  [part year d] : BIGINT
            hour(d)  =>  [part hour [cast TIMESTAMP d]] : BIGINT
            extract(epoch from tz)  =>  [part epoch tz] : DOUBLE
            date_trunc('month', d)  =>  [trunc month [cast TIMESTAMP d]] : TIMESTAMP
            date_trunc('DAY', tz)  =>  [trunc day tz] : TIMESTAMPTZ
            datediff(t, '2024-01-01')  =>  [DaysBetween DATE '2024-01-01':DATE [cast DATE t]] : BIGINT
            dateadd(t, 3)  =>  [AddDays t 3:BIGINT] : TIMESTAMP
            to_date(name, '%d.%m.%Y')  =>  [ToDate name '%d.%m.%Y':TEXT] : DATE
            to_timestamp(i)  =>  [ToTimestamp i] : TIMESTAMP
            month('2024-01-01')  =>  [part month DATE '2024-01-01':DATE] : BIGINT
            hour('2024-01-01T10:00Z')  =>  [part hour TIMESTAMP '2024-01-01 10:00:00Z':TIMESTAMPTZ] : BIGINT
        "#]],
    );
}

#[test]
fn conditions_and_choices() {
    check_types(
        &[
            "b and not b or null",
            "b is true",
            "i is not null",
            "i is distinct from null",
            "f is not distinct from 1",
            "i in (1, 2, 3)",
            "i in (1, 2.5)",
            "i not between 0 and 1.5",
            "name like 'x%' and name not ilike null",
            "case when b then 1 else 2.5 end",
            "case when b then null else d end",
            "case i when 1 then 'a' when 2.5 then name end",
            "case when b then null end",
            "coalesce(null, i, 0.5)",
            "nullif(name, '')",
            "ifnull(d, '2024-01-01')",
            "if(b, 1, 2)",
            "isnull(i)",
            "greatest(i, f)",
            "audio.left = 'x'",
            "AUDIO.COUNT",
            "tags = tags",
            "NULL",
            "b = true",
            "name < 'x'",
        ],
        expect![[r#"
            b and not b or null  =>  [Or [And b [Not b]] NULL:BOOLEAN] : BOOLEAN
            b is true  =>  [is TRUE b] : BOOLEAN
            i is not null  =>  [is NULL i] : BOOLEAN
            i is distinct from null  =>  [Distinct i NULL:BIGINT] : BOOLEAN
            f is not distinct from 1  =>  [Distinct f 1.0:DOUBLE] : BOOLEAN
            i in (1, 2, 3)  =>  [In i 1:BIGINT 2:BIGINT 3:BIGINT] : BOOLEAN
            i in (1, 2.5)  =>  [In [cast DOUBLE i] 1.0:DOUBLE 2.5:DOUBLE] : BOOLEAN
            i not between 0 and 1.5  =>  [Between [cast DOUBLE i] 0.0:DOUBLE 1.5:DOUBLE] : BOOLEAN
            name like 'x%' and name not ilike null  =>  [And [Like name 'x%':TEXT] [Like name NULL:TEXT]] : BOOLEAN
            case when b then 1 else 2.5 end  =>  [Case b 1.0:DOUBLE 2.5:DOUBLE] : DOUBLE
            case when b then null else d end  =>  [Case b NULL:DATE d] : DATE
            case i when 1 then 'a' when 2.5 then name end  =>  [Case [cast DOUBLE i] 1.0:DOUBLE 'a':TEXT 2.5:DOUBLE name] : TEXT
            case when b then null end  =>  [Case b NULL:NULL] : NULL
            coalesce(null, i, 0.5)  =>  [Coalesce NULL:DOUBLE [cast DOUBLE i] 0.5:DOUBLE] : DOUBLE
            nullif(name, '')  =>  [NullIf name '':TEXT] : TEXT
            ifnull(d, '2024-01-01')  =>  [Coalesce d DATE '2024-01-01':DATE] : DATE
            if(b, 1, 2)  =>  [Case b 1:BIGINT 2:BIGINT] : BIGINT
            isnull(i)  =>  [is NULL i] : BOOLEAN
            greatest(i, f)  =>  [Greatest [cast DOUBLE i] f] : DOUBLE
            audio.left = 'x'  =>  [= [member left audio] 'x':TEXT] : BOOLEAN
            AUDIO.COUNT  =>  [member count audio] : BIGINT
            tags = tags  =>  [= tags tags] : BOOLEAN
            NULL  =>  NULL:NULL : NULL
            b = true  =>  [= b TRUE:BOOLEAN] : BOOLEAN
            name < 'x'  =>  [< name 'x':TEXT] : BOOLEAN
        "#]],
    );
}

#[test]
fn functions_get_what_they_take() {
    check_types(
        &[
            "upper(name)",
            "length(null)",
            "substr(name, 2)",
            "substr(name, u, 3)",
            "concat(name, i, d)",
            "sqrt(i)",
            "power(2, i)",
            "position('x' in name)",
            "starts_with(name, 'x')",
            "count(*)",
            "count(distinct name)",
            "sum(i)",
            "sum(p)",
            "avg(i)",
            "median(p)",
            "min(d)",
            "sum(i) / count(*)",
            "lpad(name, 5)",
            "today()",
            "now()",
        ],
        expect![[r#"
            upper(name)  =>  [Upper name] : TEXT
            length(null)  =>  [Length NULL:TEXT] : BIGINT
            substr(name, 2)  =>  [Substring name 2:BIGINT] : TEXT
            substr(name, u, 3)  =>  [Substring name [cast BIGINT u] 3:BIGINT] : TEXT
            concat(name, i, d)  =>  [Concat name [cast TEXT i] [cast TEXT d]] : TEXT
            sqrt(i)  =>  [Sqrt [cast DOUBLE i]] : DOUBLE
            power(2, i)  =>  [Power 2.0:DOUBLE [cast DOUBLE i]] : DOUBLE
            position('x' in name)  =>  [Position name 'x':TEXT] : BIGINT
            starts_with(name, 'x')  =>  [StartsWith name 'x':TEXT] : BOOLEAN
            count(*)  =>  [count] : BIGINT
            count(distinct name)  =>  [count name] : BIGINT
            sum(i)  =>  [sum i] : BIGINT
            sum(p)  =>  [sum p] : DECIMAL(20, 2)
            avg(i)  =>  [avg [cast DOUBLE i]] : DOUBLE
            median(p)  =>  [median [cast DOUBLE p]] : DOUBLE
            min(d)  =>  [min d] : DATE
            sum(i) / count(*)  =>  [/ [sum i] [count]] : BIGINT
            lpad(name, 5)  =>  [PadStart name 5:BIGINT] : TEXT
            today()  =>  [Today] : DATE
            now()  =>  [Now] : TIMESTAMPTZ
        "#]],
    );
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
            hint: write a date as `2024-01-31`
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
            hint: leave NULL out, and write `NULL IS NULL` for it
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
            [expr.type] `start` of `substr` must be an integer, not a number
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
            [expr.type] what is cast to DATE must be something that converts, not an integer
              cast(i as date)
                   ^
            hint: write to_timestamp(i) for seconds since 1970
            [expr.type] what is cast to BIGINT must be something that converts, not a date
              cast(d as bigint)
                   ^
            hint: write date_part('epoch', d)
            [expr.type] what is cast to TEXT must be something that converts, not a list
              cast(tags as text)
                   ^^^^
            [expr.type] `value` of `to_timestamp` must be text or an integer, not a number
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
    "#]].assert_eq(&shown(&error));
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
    "#]].assert_eq(&errors.concat());
}

#[test]
fn an_assignment_loses_nothing() {
    let assigned = |(text, wanted): (&str, Type)| {
        let shown = match require_type(checked(text).unwrap(), &wanted) {
            Ok(typed) => {
                assert_eq!(typed.data_type(), &wanted);
                show(&typed)
            }
            Err(error) => shown(&error),
        };
        format!("{text} to {wanted}  =>  {}\n", shown.trim_end())
    };
    let cases = [
        ("1", Type::Float),
        ("i", Type::Float),
        ("f", Type::Int),
        ("1.5", Type::Int),
        ("-1", Type::UInt),
        ("1", Type::UInt),
        ("i", Type::UInt),
        ("null", Type::Date),
        ("'2024-01-01'", Type::Date),
        ("'nope'", Type::Date),
        ("name", Type::Date),
        ("d", Type::Timestamp { zoned: true }),
        ("t", Type::Date),
        ("'5'", Type::Int),
        ("5", Type::Text),
        ("1.25", Type::Decimal(5, 2)),
        ("f", Type::Decimal(5, 2)),
        ("i", Type::Decimal(5, 2)),
        ("tags", Type::Text),
        ("tags", Type::List(Box::new(Type::Text))),
    ];
    expect![[r#"
        1 to DOUBLE  =>  1.0:DOUBLE
        i to DOUBLE  =>  [cast DOUBLE i]
        f to BIGINT  =>  [expr.type] the value must be an integer (BIGINT), not a number
          f
          ^
        hint: convert with CAST(… AS BIGINT)
        1.5 to BIGINT  =>  [expr.type] the value must be an integer (BIGINT), not a number
          1.5
          ^^^
        hint: convert with CAST(… AS BIGINT)
        -1 to UBIGINT  =>  [expr.type] the value must be an integer (UBIGINT), not an integer
          -1
          ^^
        hint: convert with CAST(… AS UBIGINT)
        1 to UBIGINT  =>  1:UBIGINT
        i to UBIGINT  =>  [cast UBIGINT i]
        null to DATE  =>  NULL:DATE
        '2024-01-01' to DATE  =>  DATE '2024-01-01':DATE
        'nope' to DATE  =>  [expr.malformed] 'nope' is not a date
          'nope'
          ^^^^^^
        hint: write a date as `2024-01-31`
        name to DATE  =>  [expr.type] the value must be a date (DATE), not text
          name
          ^^^^
        hint: convert with CAST(… AS DATE)
        d to TIMESTAMPTZ  =>  [cast TIMESTAMPTZ d]
        t to DATE  =>  [expr.type] the value must be a date (DATE), not a timestamp
          t
          ^
        hint: convert with CAST(… AS DATE)
        '5' to BIGINT  =>  [expr.type] the value must be an integer (BIGINT), not text
          '5'
          ^^^
        hint: convert with CAST(… AS BIGINT)
        5 to TEXT  =>  [expr.type] the value must be text (TEXT), not an integer
          5
          ^
        hint: convert with CAST(… AS TEXT)
        1.25 to DECIMAL(5, 2)  =>  125:DECIMAL(5, 2)
        f to DECIMAL(5, 2)  =>  [expr.type] the value must be a decimal (DECIMAL(5, 2)), not a number
          f
          ^
        hint: convert with CAST(… AS DECIMAL(5, 2))
        i to DECIMAL(5, 2)  =>  [cast DECIMAL(5, 2) i]
        tags to TEXT  =>  [expr.type] the value must be text (TEXT), not a list
          tags
          ^^^^
        tags to LIST(TEXT)  =>  tags
    "#]].assert_eq(&cases.map(assigned).concat());
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
    "#]].assert_eq(&errors.concat());
    let tall = (0..2000).fold(column("i"), |sum, _| sum + 1);
    assert!(refused(tall).contains("too deeply nested"));
}

#[test]
fn what_is_read_can_be_listed() {
    let typed = checked("i = 1 and audio.left = name and t > now() and i < f").unwrap();
    assert_eq!(typed.columns().into_iter().collect::<Vec<_>>(), [0, 2, 5, 7, 11]);
    assert!(typed.reads_clock() && !typed.has_aggregate());
    assert!(checked("1 + sum(i)").unwrap().has_aggregate());
    assert_eq!(checked(" i = 1").unwrap().span().map(|it| it.start), Some(1));
}

/// Whether operands of one operator have one type, as promised.
fn is_consistent(typed: &Typed) -> bool {
    let mut fine = true;
    typed.walk(&mut |it| {
        let same = |one: &Typed, other: &Typed| one.data_type() == other.data_type();
        fine &= match it.kind() {
            TypedKind::Compare { left, right, .. } | TypedKind::Distinct { left, right, .. } => {
                same(left, right)
            }
            TypedKind::In { value, list, .. } => list.iter().all(|it| same(value, it)),
            TypedKind::And(items) | TypedKind::Or(items) => {
                items.iter().all(|it| *it.data_type() == Type::Bool)
            }
            TypedKind::Case { branches, otherwise, .. } => {
                let results = branches.iter().map(|(_, then)| then).chain(otherwise.as_deref());
                results.into_iter().all(|then| same(it, then))
            }
            _ => true,
        };
    });
    fine
}

fn scraps() -> impl Strategy<Value = String> {
    let operands = vec![
        "i",
        "u",
        "f",
        "p",
        "b",
        "name",
        "d",
        "t",
        "tz",
        "span",
        "tags",
        "audio.left",
        "id",
        "1",
        "-1",
        "2.5",
        "0",
        "18446744073709551615",
        "1e300",
        "0.00000000000000000000000000000000000000001",
        "'x'",
        "'2024-01-01'",
        "null",
        "true",
        "now()",
        "today()",
        "interval '1 day'",
    ];
    let leaf = proptest::sample::select(operands).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators =
            vec!["=", "<", "+", "-", "*", "/", "%", "||", "and", "or", "is distinct from", "like"];
        let functions: Vec<_> = crate::Function::all().iter().map(crate::Function::name).collect();
        let operators = proptest::sample::select(operators);
        let some = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            (inner.clone(), operators, inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), some.clone())
                .prop_map(|(a, list)| format!("({a} in ({}))", list.join(", "))),
            (proptest::sample::select(functions), some)
                .prop_map(|(name, list)| format!("{name}({})", list.join(", "))),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("case when {a} then {b} else {c} end")),
            (inner, proptest::sample::select(vec!["text", "bigint", "date", "decimal(38, 38)"]))
                .prop_map(|(a, to)| format!("cast({a} as {to})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checking_never_panics_and_keeps_its_promises(text in scraps()) {
        match checked(&text) {
            Ok(typed) => prop_assert!(is_consistent(&typed), "{}", show(&typed)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
