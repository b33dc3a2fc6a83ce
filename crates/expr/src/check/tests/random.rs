use proptest::prelude::*;

use super::{checked, show};
use crate::{Type, Typed, TypedKind};

/// Whether operands of one operator have one type, as promised.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some variants promise this")]
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
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checking_never_panics_and_keeps_its_promises(text in scraps()) {
        match checked(&text) {
            Ok(typed) => prop_assert!(is_consistent(&typed), "{}", show(&typed)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
