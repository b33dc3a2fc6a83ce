//! The columns an expression may speak of.

mod resolve;

pub(crate) use self::resolve::{Found, Missing};

use crate::types::Type;

/// Columns in order; a typed tree names them by their index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    columns: Vec<Column>,
}

/// A column: its name, its type, and the table it can be qualified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The table, when there is more than one or its name may be written.
    pub table: Option<String>,
    /// The column's name.
    pub name: String,
    /// The column's type.
    pub data_type: Type,
}

impl Schema {
    /// A schema of these columns.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect() }
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

impl Column {
    /// A column without a table.
    pub fn new(name: impl Into<String>, data_type: Type) -> Self {
        Self { table: None, name: name.into(), data_type }
    }

    /// A column of a table.
    pub fn of(table: impl Into<String>, name: impl Into<String>, data_type: Type) -> Self {
        Self { table: Some(table.into()), name: name.into(), data_type }
    }
}

#[cfg(test)]
mod tests;
