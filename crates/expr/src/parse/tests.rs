use expect_test::{Expect, expect};
use metalith_base::{Diagnostic as _, Kind};

use super::{MAX_LENGTH, Quotes, parse, parse_with};
use crate::{Expr, ExprKind};

/// The tree in canonical text, every operation in parentheses.
fn tree(expr: &Expr) -> String {
    let mut children = Vec::new();
    expr.kind().for_each_child(&mut |child| children.push(tree(child)));
    let name = match expr.kind() {
        ExprKind::Literal(literal) => return literal.to_string(),
        ExprKind::Column(names) => return names.join("›"),
        ExprKind::Reference(name) => return format!("{{{{{name}}}}}"),
        ExprKind::Not(_) => "not".to_owned(),
        ExprKind::Negate(_) => "negate".to_owned(),
        ExprKind::And(_) => "and".to_owned(),
        ExprKind::Or(_) => "or".to_owned(),
        ExprKind::Compare { op, .. } => op.to_string(),
        ExprKind::Arithmetic { op, .. } => op.to_string(),
        ExprKind::Distinct { negated, .. } => format!("distinct{}", not(*negated)),
        ExprKind::Is { test, negated, .. } => format!("is {test}{}", not(*negated)),
        ExprKind::In { negated, .. } => format!("in{}", not(*negated)),
        ExprKind::Between { negated, .. } => format!("between{}", not(*negated)),
        ExprKind::Like { escape, case, negated, .. } => {
            format!("{case}{}{}", escape.map(String::from).unwrap_or_default(), not(*negated))
        }
        ExprKind::Case { operand, otherwise, .. } => {
            let of = if operand.is_some() { " of" } else { "" };
            let otherwise = if otherwise.is_some() { " else" } else { "" };
            format!("case{of}{otherwise}")
        }
        ExprKind::Cast { to, .. } => format!("cast {to}"),
        ExprKind::Call { function, .. } => function.name().to_owned(),
        ExprKind::Aggregate { function, distinct, .. } => {
            format!("{}{}", function.name(), if *distinct { " distinct" } else { "" })
        }
    };
    format!("[{name} {}]", children.join(" "))
}

fn not(negated: bool) -> &'static str {
    if negated { " not" } else { "" }
}

/// Each line: a text, the tree of it.
fn check(texts: &[&str], expected: Expect) {
    check_with(Quotes::Identifier, texts, expected);
}

fn check_with(quotes: Quotes, texts: &[&str], expected: Expect) {
    let shown = texts.iter().map(|text| {
        let expr = parse_with(text, quotes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parse(&expr.to_string()).as_ref(), Ok(&expr), "printed: {expr}");
        format!("{text}  =>  {}\n", tree(&expr))
    });
    expected.assert_eq(&shown.collect::<String>());
}

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
fn operators_bind_as_in_sql() {
    check(
        &[
            "a or b and not c = 1",
            "a = 1 and b <> 2 and c != 3 or d == 4",
            "a + b * c - d / e % f",
            "a - b - c",
            "-a * b",
            "- -a",
            "-5 + -x - -5",
            "-9223372036854775808",
            "a || b || c = d",
            "a + 1 || 'x'",
            "not a is null",
            "a = b is not true",
            "a < 1 is null is false",
            "(a or b) and c",
            "(a and b) and c",
            "a and b and c",
            "a is distinct from b + 1 and b IS NOT DISTINCT FROM NULL",
            "-x::int",
            "x::text::date",
            "a = not b",
            "+a",
        ],
        expect![[r#"
            a or b and not c = 1  =>  [or a [and b [not [= c 1]]]]
            a = 1 and b <> 2 and c != 3 or d == 4  =>  [or [and [= a 1] [<> b 2] [<> c 3]] [= d 4]]
            a + b * c - d / e % f  =>  [- [+ a [* b c]] [% [/ d e] f]]
            a - b - c  =>  [- [- a b] c]
            -a * b  =>  [* [negate a] b]
            - -a  =>  [negate [negate a]]
            -5 + -x - -5  =>  [- [+ -5 [negate x]] -5]
            -9223372036854775808  =>  -9223372036854775808
            a || b || c = d  =>  [= [|| [|| a b] c] d]
            a + 1 || 'x'  =>  [|| [+ a 1] 'x']
            not a is null  =>  [not [is NULL a]]
            a = b is not true  =>  [is TRUE not [= a b]]
            a < 1 is null is false  =>  [is FALSE [is NULL [< a 1]]]
            (a or b) and c  =>  [and [or a b] c]
            (a and b) and c  =>  [and [and a b] c]
            a and b and c  =>  [and a b c]
            a is distinct from b + 1 and b IS NOT DISTINCT FROM NULL  =>  [and [distinct a [+ b 1]] [distinct not b NULL]]
            -x::int  =>  [negate [cast BIGINT x]]
            x::text::date  =>  [cast DATE [cast TEXT x]]
            a = not b  =>  [= a [not b]]
            +a  =>  a
        "#]],
    );
}

#[test]
fn lists_ranges_and_patterns() {
    check(
        &[
            "a in (1, 2+3, 'x')",
            "a not in (1)",
            "a between 1 and 2 and b",
            "a + 1 not between b - 1 and b + 1",
            "a like 'x%' and b not like '!%' escape '!' or c ilike d || '%'",
            "a not ilike '_' ESCAPE ''''",
            "(a = 1) = true",
        ],
        expect![[r#"
            a in (1, 2+3, 'x')  =>  [in a 1 [+ 2 3] 'x']
            a not in (1)  =>  [in not a 1]
            a between 1 and 2 and b  =>  [and [between a 1 2] b]
            a + 1 not between b - 1 and b + 1  =>  [between not [+ a 1] [- b 1] [+ b 1]]
            a like 'x%' and b not like '!%' escape '!' or c ilike d || '%'  =>  [or [and [LIKE a 'x%'] [LIKE! not b '!%']] [ILIKE c [|| d '%']]]
            a not ilike '_' ESCAPE ''''  =>  [ILIKE' not a '_']
            (a = 1) = true  =>  [= [= a 1] TRUE]
        "#]],
    );
}

#[test]
fn literals() {
    check(
        &[
            "42",
            "18446744073709551615",
            "1.50",
            ".5",
            "1e3",
            "1.5E-3",
            "-0.0",
            "2.",
            "'it''s'",
            "''",
            "TRUE",
            "nUlL",
            "date '2024-02-29'",
            "timestamp '2024-02-29T12:00:00.5+02:00'",
            "timestamptz '2024-02-29'",
            "interval '1 year 2 days'",
            "INTERVAL 7 DAY",
            "interval '36' hours",
            "interval '-2 days'",
        ],
        expect![[r#"
            42  =>  42
            18446744073709551615  =>  18446744073709551615
            1.50  =>  1.50
            .5  =>  .5
            1e3  =>  1e3
            1.5E-3  =>  1.5E-3
            -0.0  =>  -0.0
            2.  =>  2.
            'it''s'  =>  'it''s'
            ''  =>  ''
            TRUE  =>  TRUE
            nUlL  =>  NULL
            date '2024-02-29'  =>  DATE '2024-02-29'
            timestamp '2024-02-29T12:00:00.5+02:00'  =>  TIMESTAMP '2024-02-29 10:00:00.500Z'
            timestamptz '2024-02-29'  =>  TIMESTAMP '2024-02-29 00:00:00Z'
            interval '1 year 2 days'  =>  INTERVAL '12 months 2 days'
            INTERVAL 7 DAY  =>  INTERVAL '7 days'
            interval '36' hours  =>  INTERVAL '129600000000 microseconds'
            interval '-2 days'  =>  INTERVAL '-2 days'
        "#]],
    );
}

#[test]
fn names() {
    check(
        &[
            "notes",
            "nullable",
            "android or ornot",
            "inside = isnull and likely",
            "\"order\"",
            "\"a \"\"b\"\"\".c",
            "`weird \"name\"`",
            "a.b.c",
            "date",
            "interval > 7",
            "timestamp.date",
            "größe < 1",
            "\"video/raw\".x",
            "\"NOT\"",
            "year",
            "\"case\"",
            "end - start",
            "_x$1",
            "{{ NAME }} and x",
            "casea",
            "update is null",
            "a /* is */ . b -- none",
            "from",
            "select_me",
        ],
        expect![[r#"
            notes  =>  notes
            nullable  =>  nullable
            android or ornot  =>  [or android ornot]
            inside = isnull and likely  =>  [and [= inside isnull] likely]
            "order"  =>  order
            "a ""b""".c  =>  a "b"›c
            `weird "name"`  =>  weird "name"
            a.b.c  =>  a›b›c
            date  =>  date
            interval > 7  =>  [> interval 7]
            timestamp.date  =>  timestamp›date
            größe < 1  =>  [< größe 1]
            "video/raw".x  =>  video/raw›x
            "NOT"  =>  NOT
            year  =>  year
            "case"  =>  case
            end - start  =>  [- end start]
            _x$1  =>  _x$1
            {{ NAME }} and x  =>  [and {{NAME}} x]
            casea  =>  casea
            update is null  =>  [is NULL update]
            a /* is */ . b -- none  =>  a›b
            from  =>  from
            select_me  =>  select_me
        "#]],
    );
}

#[test]
fn in_pipelines_double_quotes_are_text() {
    check_with(
        Quotes::Text,
        &["a = \"it's \"\"x\"\"\"", "`a b` = \"\"", "date \"2024-01-01\" < d"],
        expect![[r#"
            a = "it's ""x"""  =>  [= a 'it''s "x"']
            `a b` = ""  =>  [= a b '']
            date "2024-01-01" < d  =>  [< DATE '2024-01-01' d]
        "#]],
    );
}

#[test]
fn functions_and_their_like() {
    check(
        &[
            "UPPER(a)",
            "len(a) + char_length(b)",
            "left(a, 2) || right(a, 2)",
            "replace(a, 'x', 'y')",
            "current_date - 7",
            "today()",
            "current_timestamp > now()",
            "extract(year from d)",
            "extract('dow' from d)",
            "position('x' in a)",
            "if(a, 1, 2)",
            "coalesce(a, b, c)",
            "date(t)",
            "cast(a as decimal(10, 2))",
            "cast(a as double precision)",
            "CAST(a AS varchar(20))",
            "cast(a as timestamp with time zone)",
            "a::bigint unsigned",
            "count(*)",
            "count(distinct a)",
            "sum(a) / count(a)",
            "case when a then 1 when b then 2 else 3 end",
            "case a when 1 then 'x' end",
            "case when end then end else end end",
        ],
        expect![[r#"
            UPPER(a)  =>  [upper a]
            len(a) + char_length(b)  =>  [+ [length a] [length b]]
            left(a, 2) || right(a, 2)  =>  [|| [left a 2] [right a 2]]
            replace(a, 'x', 'y')  =>  [replace a 'x' 'y']
            current_date - 7  =>  [- [today ] 7]
            today()  =>  [today ]
            current_timestamp > now()  =>  [> [now ] [now ]]
            extract(year from d)  =>  [date_part 'year' d]
            extract('dow' from d)  =>  [date_part 'dow' d]
            position('x' in a)  =>  [strpos a 'x']
            if(a, 1, 2)  =>  [if a 1 2]
            coalesce(a, b, c)  =>  [coalesce a b c]
            date(t)  =>  [date t]
            cast(a as decimal(10, 2))  =>  [cast DECIMAL(10, 2) a]
            cast(a as double precision)  =>  [cast DOUBLE a]
            CAST(a AS varchar(20))  =>  [cast TEXT a]
            cast(a as timestamp with time zone)  =>  [cast TIMESTAMPTZ a]
            a::bigint unsigned  =>  [cast UBIGINT a]
            count(*)  =>  [count ]
            count(distinct a)  =>  [count distinct a]
            sum(a) / count(a)  =>  [/ [sum a] [count a]]
            case when a then 1 when b then 2 else 3 end  =>  [case else a 1 b 2 3]
            case a when 1 then 'x' end  =>  [case of a 1 'x']
            case when end then end else end end  =>  [case else end end end]
        "#]],
    );
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
            [expr.not-an-expression] `ORDER` begins a clause
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
            assert!(parse(&deep(open, close, 120)).is_ok());
            let message = parse(&deep(open, close, 100_000)).unwrap_err().message();
            assert_eq!(message, "the expression is too deeply nested: the limit is 128 levels");
        }
        let case = "case when a then ".repeat(10_000);
        assert!(parse(&case).unwrap_err().message().contains("deeply nested"));
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
    assert!(parse(&vec!["a = 1"; 20_000].join(" or ")).is_ok());
    let error = parse(&"x".repeat(MAX_LENGTH + 1)).unwrap_err();
    expect!["the expression is too long: the limit is 1048576 bytes"].assert_eq(&error.message());
}
