//! Random pipelines against an interpreter that takes one row after the other.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::Config};
use serde_json::Value;

use crate::{captured_of, rows, shown};

/// A row as the interpreter has it.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    a: Option<i64>,
    b: Option<i64>,
    s: Option<String>,
    deleted: bool,
}

/// A condition, and what it is written as.
#[derive(Clone, Debug)]
enum Condition {
    Less(Name, i64),
    Equal(Name, i64),
    IsNull(Name),
    Text(String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    A,
    B,
}

/// What becomes of rows that a join finds nothing for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rest {
    Stays,
    Leaves,
}

/// Keys and their values.
const LOOKUP: [(&str, i64); 2] = [("x", 7), ("w", 8)];

#[derive(Clone, Debug)]
enum Step {
    Delete(Option<Condition>),
    /// `name = name + number`, or `name = the other * number`.
    Add(Option<Condition>, Name, i64),
    Times(Option<Condition>, Name, i64),
    Text(Option<Condition>, String),
    /// One summary row for each `s`.
    Sum(Option<Condition>),
    /// Sums in the place of the rows.
    NewSet,
    Append(Vec<Plain>, Option<Condition>),
    /// `a` becomes what `LOOKUP` has for `s`; without it NULL, or the row leaves.
    Join(Rest),
    Output {
        include_deleted: bool,
        selector: Option<Condition>,
    },
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "t.b",
        }
    }

    fn of(self, row: &Plain) -> Option<i64> {
        match self {
            Self::A => row.a,
            Self::B => row.b,
        }
    }

    fn of_mut(self, row: &mut Plain) -> &mut Option<i64> {
        match self {
            Self::A => &mut row.a,
            Self::B => &mut row.b,
        }
    }
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Self::Less(name, value) => format!("{} < {value}", name.text()),
            Self::Equal(name, value) => format!("{} = {value}", name.text()),
            Self::IsNull(name) => format!("ISNULL({})", name.text()),
            Self::Text(text) => format!("s == \"{text}\""),
            Self::Not(inner) => format!("NOT ({})", inner.text()),
            Self::And(one, other) => format!("({}) AND ({})", one.text(), other.text()),
            Self::Or(one, other) => format!("({}) OR ({})", one.text(), other.text()),
        }
    }

    /// True, false or unknown, as SQL has it.
    fn of(&self, row: &Plain) -> Option<bool> {
        match self {
            Self::Less(name, value) => name.of(row).map(|it| it < *value),
            Self::Equal(name, value) => name.of(row).map(|it| it == *value),
            Self::IsNull(name) => Some(name.of(row).is_none()),
            Self::Text(text) => row.s.as_ref().map(|it| it == text),
            Self::Not(inner) => inner.of(row).map(|it| !it),
            Self::And(one, other) => match (one.of(row), other.of(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(one, other) => match (one.of(row), other.of(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

fn holds(condition: Option<&Condition>, row: &Plain) -> bool {
    !row.deleted && condition.is_none_or(|it| it.of(row) == Some(true))
}

/// Sums of `a` and `b` for each `s`, in the order of `s`, NULL first.
fn sums(rows: &[Plain], condition: Option<&Condition>) -> Vec<Plain> {
    let mut groups: BTreeMap<Option<String>, Plain> = BTreeMap::new();
    let add = |sum: &mut Option<i64>, value: Option<i64>| match (*sum, value) {
        (_, None) => {}
        (None, Some(value)) => *sum = Some(value),
        (Some(before), Some(value)) => *sum = Some(before + value),
    };
    for row in rows.iter().filter(|row| holds(condition, row)) {
        let empty = Plain { a: None, b: None, s: row.s.clone(), deleted: false };
        let group = groups.entry(row.s.clone()).or_insert(empty);
        add(&mut group.a, row.a);
        add(&mut group.b, row.b);
    }
    groups.into_values().collect()
}

/// What the outputs of a pipeline hold, computed the slow way.
fn interpret(mut rows: Vec<Plain>, steps: &[Step]) -> Vec<Vec<Plain>> {
    let mut outputs = Vec::new();
    for step in steps {
        match step {
            Step::Delete(condition) => {
                for row in &mut rows {
                    if holds(condition.as_ref(), row) {
                        row.deleted = true;
                    }
                }
            }
            Step::Add(condition, name, value) => {
                for row in rows.iter_mut().filter(|row| holds(condition.as_ref(), row)) {
                    *name.of_mut(row) = name.of(row).map(|it| it + value);
                }
            }
            Step::Times(condition, name, value) => {
                let other = if *name == Name::A { Name::B } else { Name::A };
                for row in rows.iter_mut().filter(|row| holds(condition.as_ref(), row)) {
                    *name.of_mut(row) = other.of(row).map(|it| it * value);
                }
            }
            Step::Text(condition, text) => {
                for row in rows.iter_mut().filter(|row| holds(condition.as_ref(), row)) {
                    row.s = Some(text.clone());
                }
            }
            Step::Sum(condition) => rows.extend(sums(&rows, condition.as_ref())),
            Step::NewSet => {
                let sums = sums(&rows, None);
                rows.retain(|row| row.deleted);
                rows.extend(sums);
            }
            Step::Append(more, condition) => {
                let more = more.iter().filter(|row| holds(condition.as_ref(), row));
                rows.extend(more.cloned());
            }
            Step::Join(rest) => {
                let found = |row: &Plain| {
                    let s = row.s.as_deref()?;
                    LOOKUP.iter().find(|(key, _)| *key == s).map(|(_, value)| *value)
                };
                rows.retain(|row| row.deleted || *rest == Rest::Stays || found(row).is_some());
                for row in rows.iter_mut().filter(|row| !row.deleted) {
                    row.a = found(row);
                }
            }
            Step::Output { include_deleted, selector } => {
                let visible = rows.iter().filter(|row| *include_deleted || !row.deleted);
                let chosen = visible
                    .filter(|row| selector.as_ref().is_none_or(|it| it.of(row) == Some(true)));
                outputs.push(chosen.cloned().collect());
            }
        }
    }
    outputs
}

fn csv(rows: &[Plain]) -> String {
    let cell = |value: Option<i64>| value.map_or_else(String::new, |it| it.to_string());
    let line = |row: &Plain| {
        format!("{},{},{}\n", cell(row.a), cell(row.b), row.s.clone().unwrap_or_default())
    };
    // The first line says what the columns are, and is deleted first of all.
    let lines: String = rows.iter().map(line).collect();
    format!("a,b,s\n999,999,x\n{lines}")
}

fn yaml(steps: &[Step]) -> String {
    let mut text = "operations:\n- {seq: 0, type: delete, selector: a = 999}\n".to_owned();
    for (index, step) in steps.iter().enumerate() {
        let selector = |condition: &Option<Condition>| {
            condition
                .as_ref()
                .map_or_else(String::new, |it| format!(", selector: {}", Value::String(it.text())))
        };
        let assign = |condition: &Option<Condition>, name: &str, value: String| {
            let value = Value::String(value);
            format!("update, assignments: {{{name}: {value}}}{}", selector(condition))
        };
        let step = match step {
            Step::Delete(condition) => format!("delete{}", selector(condition)),
            Step::Add(condition, name, value) => {
                assign(condition, name.text(), format!("{} + {value}", name.text()))
            }
            Step::Times(condition, name, value) => {
                let other = if *name == Name::A { Name::B } else { Name::A };
                assign(condition, name.text(), format!("{} * {value}", other.text()))
            }
            Step::Text(condition, value) => assign(condition, "s", format!("'{value}'")),
            Step::Sum(condition) => format!(
                "aggregate, into: summary_rows, group_by: s, \
                 aggregations: {{a: SUM(a), b: SUM(b)}}{}",
                selector(condition)
            ),
            Step::NewSet => {
                "aggregate, group_by: s, aggregations: {a: SUM(a), b: SUM(b)}".to_owned()
            }
            Step::Append(_, condition) => {
                // Conditions name the working set's table; the appended one is called the same.
                let guard = match condition {
                    Some(condition) => {
                        format!("(a IS NULL OR a <> 999) AND ({})", condition.text())
                    }
                    None => "a IS NULL OR a <> 999".to_owned(),
                };
                let guard = Value::String(guard);
                format!(
                    "append, input: {{datasource_id: ds-orders, table: more{index}, as: t}}, \
                     selector: {guard}"
                )
            }
            Step::Join(rest) => {
                let how = if *rest == Rest::Stays { "left" } else { "inner" };
                format!(
                    "join, how: {how}, on: {{s: key}}, columns: {{found{index}: value}}, \
                     input: {{datasource_id: ds-orders, table: lookup}}}}\n\
                     - {{seq: {}, type: update, assignments: {{a: found{index}}}",
                    2 * index + 3
                )
            }
            Step::Output { include_deleted, selector: chosen } => format!(
                "output, include_deleted: {include_deleted}, \
                 destination: {{datasource_id: ds-archive, table: out{index}}}, \
                 columns: [a, b, s, _deleted, _row_id], metadata: false, selector: {}",
                Value::String(match chosen {
                    Some(chosen) => format!("(a IS NULL OR a <> 999) AND ({})", chosen.text()),
                    None => "a IS NULL OR a <> 999".to_owned(),
                })
            ),
        };
        text.push_str(&format!("- {{seq: {}, type: {step}}}\n", 2 * index + 2));
    }
    text
}

fn told(rows: &[Plain]) -> String {
    let cell = |value: Option<i64>| value.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let line = |row: &Plain| {
        let s = row.s.clone().unwrap_or_else(|| "-".to_owned());
        format!("{} {} {s} {}\n", cell(row.a), cell(row.b), row.deleted)
    };
    rows.iter().map(line).collect()
}

fn number() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![1 => Just(None), 4 => (-4_i64..5).prop_map(Some)]
}

fn row() -> impl Strategy<Value = Plain> {
    let text = prop_oneof![Just(None), Just(Some("x".to_owned())), Just(Some("y".to_owned()))];
    (number(), number(), text).prop_map(|(a, b, s)| Plain { a, b, s, deleted: false })
}

fn condition() -> impl Strategy<Value = Condition> {
    let name = || prop_oneof![Just(Name::A), Just(Name::B)];
    let leaf = prop_oneof![
        (name(), -4_i64..5).prop_map(|(name, value)| Condition::Less(name, value)),
        (name(), -4_i64..5).prop_map(|(name, value)| Condition::Equal(name, value)),
        name().prop_map(Condition::IsNull),
        prop_oneof![Just("x"), Just("z")].prop_map(|it| Condition::Text(it.to_owned())),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Condition::Not(Box::new(it))),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| Condition::And(Box::new(one), Box::new(other))),
            (inner.clone(), inner)
                .prop_map(|(one, other)| Condition::Or(Box::new(one), Box::new(other))),
        ]
    })
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop_oneof![Just(Name::A), Just(Name::B)];
    let maybe = || prop::option::weighted(0.7, condition());
    prop_oneof![
        2 => maybe().prop_map(Step::Delete),
        2 => (maybe(), name(), -3_i64..4).prop_map(|(it, name, by)| Step::Add(it, name, by)),
        1 => (maybe(), name(), -3_i64..4).prop_map(|(it, name, by)| Step::Times(it, name, by)),
        1 => (maybe(), prop_oneof![Just("x"), Just("z")])
            .prop_map(|(it, text)| Step::Text(it, text.to_owned())),
        1 => maybe().prop_map(Step::Sum),
        1 => Just(Step::NewSet),
        1 => (prop::collection::vec(row(), 0..4), maybe())
            .prop_map(|(rows, it)| Step::Append(rows, it)),
        1 => prop_oneof![Just(Rest::Stays), Just(Rest::Leaves)].prop_map(Step::Join),
        2 => (any::<bool>(), maybe())
            .prop_map(|(include_deleted, selector)| Step::Output { include_deleted, selector }),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 96, failure_persistence: None, ..Config::default() })]

    #[test]
    fn pipelines_do_what_the_interpreter_does(
        given in prop::collection::vec(row(), 0..8),
        steps in prop::collection::vec(step(), 0..7),
    ) {
        let mut steps = steps;
        steps.push(Step::Output { include_deleted: true, selector: None });
        let lookup = LOOKUP.map(|(key, value)| format!("{key},{value}\n")).concat();
        let mut files =
            vec![("t".to_owned(), csv(&given)), ("lookup".to_owned(), format!("key,value\n{lookup}"))];
        for (index, step) in steps.iter().enumerate() {
            if let Step::Append(more, _) = step {
                files.push((format!("more{index}"), csv(more)));
            }
        }
        let report = captured_of(&files, &yaml(&steps));
        let report = report.map_err(|error| TestCaseError::fail(format!("{error}\n{}", yaml(&steps))))?;
        for (output, expected) in interpret(given, &steps).iter().enumerate() {
            let found = shown(&report, output, &["a", "b", "s", "_deleted"]);
            prop_assert_eq!(&found, &told(expected), "output {} of\n{}", output, yaml(&steps));
            let mut ids: Vec<Value> =
                rows(&report, output).into_iter().map(|mut row| row.remove("_row_id").unwrap()).collect();
            let count = ids.len();
            ids.sort_by_key(ToString::to_string);
            ids.dedup();
            prop_assert_eq!(ids.len(), count, "ids of output {} of\n{}", output, yaml(&steps));
        }
    }
}
