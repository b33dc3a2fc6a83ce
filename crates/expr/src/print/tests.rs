use proptest::{collection, prelude::*, sample::select};

use crate::{
    Aggregate, Case, Comparison, Expr, ExprKind, Function, Interval, Literal, Operator, Quotes,
    Test, Type, parse, parse_with,
};

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Int),
        (i64::MAX as u64 + 1..).prop_map(Literal::UInt),
        any::<f64>()
            .prop_filter("finite", |it| it.is_finite())
            .prop_map(|it| Literal::Float(format!("{it:?}"))),
        any::<String>().prop_map(Literal::Text),
        (-700_000..2_900_000_i32).prop_map(Literal::Date),
        (-62_000_000_000_000_000..250_000_000_000_000_000_i64, any::<bool>())
            .prop_map(|(micros, zoned)| Literal::Timestamp { micros, zoned }),
        (any::<i32>(), any::<i32>(), any::<i64>()).prop_map(|(months, days, micros)| {
            Literal::Interval(Interval { months, days, micros })
        }),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-z0-9_]{0,8}",
        select(vec!["not", "END", "date", "interval", "select", "a b", "x\"y", "from", "über"])
            .prop_map(str::to_owned),
        any::<String>().prop_filter("not empty", |it| !it.is_empty()),
    ]
}

fn leaf() -> impl Strategy<Value = ExprKind> {
    prop_oneof![
        literal().prop_map(ExprKind::Literal),
        collection::vec(name(), 1..4).prop_map(ExprKind::Column),
        "[A-Z][A-Z0-9_]{0,5}".prop_map(ExprKind::Reference),
        Just(ExprKind::Aggregate { function: Aggregate::Count, argument: None, distinct: false }),
    ]
}

fn castable() -> impl Strategy<Value = Type> {
    let types = vec![
        Type::Bool,
        Type::Int,
        Type::UInt,
        Type::Float,
        Type::Decimal(10, 2),
        Type::Text,
        Type::Bytes,
        Type::Date,
        Type::Timestamp { zoned: false },
        Type::Timestamp { zoned: true },
        Type::Interval,
    ];
    select(types)
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn operator() -> impl Strategy<Value = Operator> {
    use Operator::{Add, Concat, Divide, Multiply, Remainder, Subtract};
    select(vec![Add, Subtract, Multiply, Divide, Remainder, Concat])
}

fn plain(kind: ExprKind) -> Expr {
    Expr::new(kind, None)
}

fn conditions(inner: &BoxedStrategy<Expr>) -> impl Strategy<Value = ExprKind> + use<> {
    let one = inner.clone().prop_map(Box::new);
    let many = collection::vec(inner.clone(), 1..4);
    let test = select(vec![Test::Null, Test::True, Test::False]);
    let case = select(vec![Case::Sensitive, Case::Insensitive]);
    prop_oneof![
        one.clone().prop_map(ExprKind::Not),
        collection::vec(inner.clone(), 2..4).prop_map(ExprKind::And),
        collection::vec(inner.clone(), 2..4).prop_map(ExprKind::Or),
        (comparison(), one.clone(), one.clone()).prop_map(|(op, left, right)| ExprKind::Compare {
            op,
            left,
            right
        }),
        (one.clone(), one.clone(), any::<bool>())
            .prop_map(|(left, right, negated)| ExprKind::Distinct { left, right, negated }),
        (one.clone(), test, any::<bool>()).prop_map(|(value, test, negated)| ExprKind::Is {
            value,
            test,
            negated
        }),
        (one.clone(), many, any::<bool>()).prop_map(|(value, list, negated)| ExprKind::In {
            value,
            list,
            negated
        }),
        (one.clone(), one.clone(), one.clone(), any::<bool>()).prop_map(
            |(value, low, high, negated)| ExprKind::Between { value, low, high, negated }
        ),
        (one.clone(), one, any::<Option<char>>(), case, any::<bool>()).prop_map(
            |(value, pattern, escape, case, negated)| {
                ExprKind::Like { value, pattern, escape, case, negated }
            }
        ),
    ]
}

fn values(inner: &BoxedStrategy<Expr>) -> impl Strategy<Value = ExprKind> + use<> {
    let one = inner.clone().prop_map(Box::new);
    let maybe = proptest::option::of(one.clone());
    let branches = collection::vec((inner.clone(), inner.clone()), 1..3);
    let calls = collection::vec(inner.clone(), 0..4).prop_flat_map(|arguments| {
        let fits = |it: &&Function| !it.is_aggregate() && it.check_arity(arguments.len()).is_ok();
        let functions: Vec<_> = Function::all().iter().filter(fits).collect();
        (select(functions), Just(arguments))
    });
    prop_oneof![
        one.clone().prop_map(ExprKind::Negate),
        (operator(), one.clone(), one.clone()).prop_map(|(op, left, right)| ExprKind::Arithmetic {
            op,
            left,
            right
        }),
        (maybe.clone(), branches, maybe).prop_map(|(operand, branches, otherwise)| {
            ExprKind::Case { operand, branches, otherwise }
        }),
        (one.clone(), castable()).prop_map(|(value, to)| ExprKind::Cast { value, to }),
        calls.prop_map(|(function, arguments)| ExprKind::Call { function, arguments }),
        (one, any::<bool>()).prop_map(|(argument, distinct)| ExprKind::Aggregate {
            function: Aggregate::Sum,
            argument: Some(argument),
            distinct
        }),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_map(plain).boxed().prop_recursive(6, 40, 4, |inner| {
        prop_oneof![conditions(&inner), values(&inner)].prop_map(plain)
    })
}

/// Texts that look like expressions more than chance would.
fn scraps() -> impl Strategy<Value = String> {
    let words = "a b 1 2.5 'x' \"y\" ( ) , . = < >= + - * / % || :: ; not and or in is null between \
                 like escape case when then else end cast as int date '2024-01-01' interval day \
                 upper( count( distinct from {{A}} extract( year position( select with -- /* */ ' \" `";
    let words: Vec<_> = words.split_whitespace().collect();
    collection::vec(select(words), 0..20).prop_map(|it| it.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same(expr in expr()) {
        let text = expr.to_string();
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
        prop_assert_eq!(&parsed, &expr, "{}", text);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), scraps()]) {
        for quotes in [Quotes::Identifier, Quotes::Text] {
            match parse_with(&text, quotes) {
                Ok(expr) => prop_assert_eq!(parse(&expr.to_string()), Ok(expr)),
                Err(error) => prop_assert!(!error.to_string().is_empty() && error.line() > 0),
            }
        }
    }
}
