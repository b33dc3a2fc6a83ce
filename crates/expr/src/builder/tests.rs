use expect_test::{Expect, expect};

use super::{call, case, column, column_of, conjunction, count_all, disjunction, lit, reference};
use crate::{Expr, Type, parse};

fn check(expr: Expr, expected: Expect) {
    let text = expr.to_string();
    expected.assert_eq(&text);
    assert_eq!(parse(&text).unwrap(), expr);
}

#[test]
fn what_is_built_is_what_would_have_been_parsed() {
    check(
        column("x").eq(1).and(!column("y").lt_eq(0.5)).or(column("z").is_null()),
        expect!["x = 1 AND NOT y <= 0.5 OR z IS NULL"],
    );
    check(
        column("a").is_in(["x", "it's"]).and(column("b").not_in([1, 2])),
        expect!["a IN ('x', 'it''s') AND b NOT IN (1, 2)"],
    );
    check(
        column("a").between(-1, 2).or(column("b").like("x%")).or(column("c").ilike("_")),
        expect!["a BETWEEN -1 AND 2 OR b LIKE 'x%' OR c ILIKE '_'"],
    );
    check(
        (column("a") + 1) * column_of("t", "order") - -column("c") / 2 % 3,
        expect!["(a + 1) * t.order - -c / 2 % 3"],
    );
    check(column("a").is_distinct_from(None::<i64>), expect!["a IS DISTINCT FROM NULL"]);
    check(
        column("a").is_true().and(column("b").is_false()).and(column("c d").is_not_null()),
        expect![[r#"a IS TRUE AND b IS FALSE AND "c d" IS NOT NULL"#]],
    );
    check(
        call("upper", [column("a").concat("b")]).unwrap().not_eq("AB"),
        expect!["upper(a || 'b') <> 'AB'"],
    );
    check(call("sum", [column("a")]).unwrap().gt(count_all()), expect!["sum(a) > count(*)"]);
    check(
        case([(column("a").gt_eq(1), lit("x"))], lit("y")),
        expect!["CASE WHEN a >= 1 THEN 'x' ELSE 'y' END"],
    );
    check(
        reference("GOOD").and(column("a").cast(Type::Decimal(10, 2)).lt(u64::MAX)),
        expect!["{{GOOD}} AND CAST(a AS DECIMAL(10, 2)) < 18446744073709551615"],
    );
    check(
        lit(f64::NAN).is_not_distinct_from(-0.0),
        expect!["CAST('NaN' AS DOUBLE) IS NOT DISTINCT FROM -0.0"],
    );
}

#[test]
fn lists_of_conditions_are_flat_and_may_be_empty() {
    check(conjunction([]), expect!["TRUE"]);
    check(disjunction([]), expect!["FALSE"]);
    check(conjunction([column("a")]), expect!["a"]);
    check(
        conjunction([column("a").and(column("b")), column("c").or(column("d"))]),
        expect!["a AND b AND (c OR d)"],
    );
    check(column("a").is_in(Vec::<i64>::new()), expect!["FALSE"]);
    check(column("a").not_in(Vec::<i64>::new()), expect!["TRUE"]);
}

#[test]
fn a_call_is_checked_at_once() {
    let message = |name: &str| call(name, []).unwrap_err().message();
    expect!["`upper` takes 1 argument, not 0"].assert_eq(&message("upper"));
    expect!["unknown function `uper`"].assert_eq(&message("uper"));
}
