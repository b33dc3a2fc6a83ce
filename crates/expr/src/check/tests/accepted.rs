use expect_test::{Expect, expect};

use super::{checked, show, shown};
use crate::{Type, require_type};

fn check_types(texts: &[&str], expected: Expect) {
    let shown = texts.iter().map(|text| match checked(text) {
        Ok(typed) => format!("{text}  =>  {} : {}\n", show(&typed), typed.data_type()),
        Err(error) => panic!("{error}"),
    });
    expected.assert_eq(&shown.collect::<String>());
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
            "p * i",
            "i * p",
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
            p / 2  =>  [/ p 2:DECIMAL(1, 0)] : DECIMAL(14, 6)
            i + NULL  =>  [+ i NULL:BIGINT] : BIGINT
            f * i  =>  [* f [cast DOUBLE i]] : DOUBLE
            name || i || NULL  =>  [|| [|| name [cast TEXT i]] NULL:TEXT] : TEXT
            mod(i, 3)  =>  [% i 3:BIGINT] : BIGINT
            i % -1  =>  [% i -1:BIGINT] : BIGINT
            abs(i) + round(f, 1)  =>  [+ [cast DOUBLE [Abs i]] [Round f 1:BIGINT]] : DOUBLE
            p * 1.5  =>  [* p 150:DECIMAL(10, 2)] : DECIMAL(21, 4)
            p * i  =>  [* p [cast DECIMAL(20, 0) i]] : DECIMAL(31, 2)
            i * p  =>  [* [cast DECIMAL(20, 0) i] p] : DECIMAL(31, 2)
        "#]],
    );
}

#[test]
fn rounding_keeps_what_is_exact() {
    check_types(
        &[
            "round(p, 1)",
            "floor(p)",
            "ceil(i)",
            "round(i, 2)",
            "round(i, -1)",
            "round(u, i)",
            "floor(f)",
            "round(null)",
        ],
        expect![[r#"
            round(p, 1)  =>  [Round p 1:BIGINT] : DECIMAL(11, 2)
            floor(p)  =>  [Floor p] : DECIMAL(11, 2)
            ceil(i)  =>  i : BIGINT
            round(i, 2)  =>  i : BIGINT
            round(i, -1)  =>  [Round [cast DOUBLE i] -1:BIGINT] : DOUBLE
            round(u, i)  =>  [Round [cast DOUBLE u] i] : DOUBLE
            floor(f)  =>  [Floor f] : DOUBLE
            round(null)  =>  [Round NULL:DOUBLE] : DOUBLE
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
            median(p)  =>  [median p] : DECIMAL(11, 3)
            min(d)  =>  [min d] : DATE
            sum(i) / count(*)  =>  [/ [sum i] [count]] : BIGINT
            lpad(name, 5)  =>  [PadStart name 5:BIGINT] : TEXT
            today()  =>  [Today] : DATE
            now()  =>  [Now] : TIMESTAMPTZ
        "#]],
    );
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
        f to BIGINT  =>  [expr.type] the value must be an integer (BIGINT), not a float
          f
          ^
        hint: convert with CAST(… AS BIGINT)
        1.5 to BIGINT  =>  [expr.type] the value must be an integer (BIGINT), not a float
          1.5
          ^^^
        hint: convert with CAST(… AS BIGINT)
        -1 to UBIGINT  =>  [expr.type] the value must be an unsigned integer (UBIGINT), not an integer
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
        f to DECIMAL(5, 2)  =>  [expr.type] the value must be a decimal (DECIMAL(5, 2)), not a float
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
fn what_is_read_can_be_listed() {
    let typed = checked("i = 1 and audio.left = name and t > now() and i < f").unwrap();
    assert_eq!(typed.columns().into_iter().collect::<Vec<_>>(), [0, 2, 5, 7, 11]);
    assert!(typed.reads_clock() && !typed.has_aggregate());
    assert!(checked("1 + sum(i)").unwrap().has_aggregate());
    assert_eq!(checked(" i = 1").unwrap().span().map(|it| it.start), Some(1));
}
