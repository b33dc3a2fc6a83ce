//! `update`.

use arrow::datatypes::{DataType, Field};
use metalith_expr::{Type, Typed, TypedKind, require_type};
use metalith_store::expression_type;

use super::{Binder, Wanted};
use crate::{
    error::Mistake,
    model::{Text, Update},
    working::{Columns, Evaluator, is_reserved},
};

/// `update`, ready to run.
pub(crate) struct UpdateStep {
    pub(crate) selector: Option<Evaluator>,
    /// In order: each sees the columns as those before left them.
    pub(crate) assignments: Vec<Assignment>,
}

/// One column and its new value.
pub(crate) struct Assignment {
    pub(crate) column: String,
    /// Where it is; one behind the last for a new one.
    pub(crate) index: usize,
    pub(crate) data_type: DataType,
    pub(crate) value: Evaluator,
}

/// A value that would be rounded to the digits of its column, as it is: whether digits are lost is
/// seen row by row, and refused then.
fn unrounded(typed: Typed) -> Typed {
    let Type::Decimal(_, wanted) = *typed.data_type() else { return typed };
    match typed.kind() {
        TypedKind::Cast(value) => match value.data_type() {
            Type::Decimal(_, own) if *own > wanted => value.as_ref().clone(),
            Type::Float => value.as_ref().clone(),
            _ => typed,
        },
        _ => typed,
    }
}

impl Binder<'_> {
    pub(super) fn update(&mut self, update: &Update, operation: &str) -> Option<UpdateStep> {
        let selector = self.selector(update.selector.as_ref(), operation);
        let mut columns = self.columns.clone();
        let mut assignments = Vec::new();
        let mut is_whole = true;
        for (name, value) in &update.assignments {
            match self.assignment((name, value), operation, &mut columns) {
                Some(assignment) => {
                    let by = self.assigned.entry(assignment.column.clone());
                    by.or_insert_with(|| operation.to_owned());
                    assignments.push(assignment);
                }
                None => is_whole = false,
            }
        }
        self.columns = columns;
        let selector = selector?;
        is_whole.then_some(UpdateStep { selector, assignments })
    }

    fn assignment(
        &mut self,
        (name, value): (&str, &Text),
        operation: &str,
        columns: &mut Columns,
    ) -> Option<Assignment> {
        if is_reserved(name) {
            let title = format!("Invalid assignment in {operation}");
            let reason = format!("column '{name}' is kept by the pipeline and cannot be assigned");
            let hint = "mark rows as deleted with a `delete` operation".to_owned();
            self.mistakes.push(Mistake::new(title, reason, value.span).with_hint(Some(hint)));
            return None;
        }
        let typed = self.typed(("assignment", value), operation, columns, Wanted::Value);
        let index = match self.assigned(name, value, operation, columns) {
            Ok(index) => index,
            Err(mistake) => {
                self.mistakes.push(*mistake);
                return None;
            }
        };
        let Some(index) = index else {
            return self.new_column((name, value), operation, (typed, columns));
        };
        let data_type = columns.field(index).data_type().clone();
        let given = typed?;
        let is_given = *given.data_type() == expression_type(&data_type);
        let typed = match require_type(given, &expression_type(&data_type)) {
            Ok(typed) if is_given => typed,
            Ok(typed) => unrounded(typed),
            Err(error) => {
                let at = (value.text.as_str(), value.span);
                let mut mistake = Mistake::of_expression("assignment", operation, at, &error);
                mistake.reason = format!("column '{name}' cannot take it: {}", mistake.reason);
                self.mistakes.push(mistake);
                return None;
            }
        };
        let evaluator = self.evaluator(("assignment", value), operation, &typed, columns)?;
        let column = columns.field(index).name().clone();
        Some(Assignment { column, index, data_type, value: evaluator })
    }

    /// A column that the working set does not have yet. After a mistake it is there nevertheless,
    /// so that operations after it are not blamed.
    fn new_column(
        &mut self,
        (name, value): (&str, &Text),
        operation: &str,
        (typed, columns): (Option<Typed>, &mut Columns),
    ) -> Option<Assignment> {
        let index = columns.len();
        let table = columns.table().to_owned();
        let evaluator = typed
            .and_then(|typed| self.evaluator(("assignment", value), operation, &typed, columns));
        let data_type = evaluator.as_ref().and_then(|it| it.data_type().ok());
        let data_type = match data_type {
            // Of nothing but NULL; text holds whatever comes later.
            Some(DataType::Null) => DataType::Utf8,
            Some(known) => known,
            None => DataType::Null,
        };
        columns.push(&table, Field::new(name, data_type.clone(), true));
        Some(Assignment { column: name.to_owned(), index, data_type, value: evaluator? })
    }

    /// The column that a name means, in whatever case; `None` for a new one.
    fn assigned(
        &self,
        name: &str,
        value: &Text,
        operation: &str,
        columns: &Columns,
    ) -> Result<Option<usize>, Box<Mistake>> {
        if let Some(index) = columns.position(name) {
            return Ok(Some(index));
        }
        let plain = match name.split_once('.') {
            Some((table, rest)) if columns.has_table(table) => rest,
            _ => name,
        };
        if let Some(index) = columns.position(plain) {
            return Ok(Some(index));
        }
        let alike: Vec<usize> = columns
            .names()
            .enumerate()
            .filter(|(_, it)| it.eq_ignore_ascii_case(plain))
            .map(|(index, _)| index)
            .collect();
        let title = format!("Invalid assignment in {operation}");
        match alike.as_slice() {
            [] if plain == name => Ok(None),
            [] => {
                let reason = format!("Column '{plain}' not found in schema");
                let mistake = Mistake::new(title, reason, value.span);
                Err(Box::new(mistake.about_name(plain, columns.names())))
            }
            [only] => Ok(Some(*only)),
            _ => {
                let reason = format!("more than one column is called like '{name}'");
                Err(Box::new(Mistake::new(title, reason, value.span)))
            }
        }
    }
}
