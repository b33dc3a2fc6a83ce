//! Tests for membership that the query engine's simplifier lets be.
//!
//! It makes FALSE of `x IN (1) AND x IN (2)`, TRUE of `x NOT IN (1) OR x NOT IN (2)`, and the same where
//! the lists come from `x = 1 OR x = 2`, or from what it makes that of. Where `x` is NULL all of them
//! are NULL: rows that nobody asked for would meet the second, and the NOT of the first.

use std::cell::Cell;

use datafusion::{
    arrow::datatypes::DataType,
    common::{Result, exec_err},
    logical_expr::{
        ColumnarValue, Expr as PlanExpr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
    },
};

/// Makes values that are tested different for the simplifier, of which each has a number of its own.
#[derive(Default)]
pub(super) struct Apart {
    given: Cell<usize>,
}

impl Apart {
    /// The same value, which equals no other's.
    pub(super) fn value(&self, value: PlanExpr) -> PlanExpr {
        let number = self.given.get();
        self.given.set(number + 1);
        let signature = Signature::any(1, Volatility::Immutable);
        ScalarUDF::from(Itself { number, signature }).call(vec![value])
    }
}

/// `metalith_itself(value)`: the value.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Itself {
    number: usize,
    signature: Signature,
}

impl ScalarUDFImpl for Itself {
    fn name(&self) -> &'static str {
        "metalith_itself"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match <[ColumnarValue; 1]>::try_from(args.args) {
            Ok([value]) => Ok(value),
            Err(_) => exec_err!("a value is itself, not others"),
        }
    }
}
