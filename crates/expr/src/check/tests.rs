use metalith_base::Diagnostic as _;

use super::{Aggregates, Rules, check};
use crate::{Column, ExprError, Quotes, Schema, Type, Typed, TypedKind, parse_with};

mod accepted;
mod random;
mod refused;

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
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is shown by the name of its variant")]
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

fn shown(error: &ExprError) -> String {
    let hint = error.hint().map(|it| format!("hint: {it}\n")).unwrap_or_default();
    format!("[{}] {error}\n{hint}", error.code())
}
