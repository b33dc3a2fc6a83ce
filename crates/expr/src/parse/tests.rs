use expect_test::{Expect, expect};

use super::{Quotes, parse, parse_with};
use crate::{Expr, ExprKind};

mod refused;

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
