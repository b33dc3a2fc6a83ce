//! Integers that are added, subtracted and multiplied without ever wrapping around: what has no
//! room is an error. The query engine wraps unless it is told otherwise, and has no plan to tell it.

use std::sync::Arc;

use arrow::{
    compute::kernels::numeric::{add, mul, sub},
    datatypes::DataType,
};
use datafusion::{
    common::{
        DFSchema, ScalarValue,
        tree_node::{Transformed, TreeNode as _},
    },
    error::DataFusionError,
    logical_expr::{
        BinaryExpr, ColumnarValue, Expr, ExprSchemable as _, Operator, ScalarFunctionArgs,
        ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
    },
    physical_expr_common::datum,
};

/// The same expression, in which integers do not wrap around.
pub(crate) fn checked(expr: Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    let is_integer = |expr: &Expr| {
        expr.get_type(schema).map(|it| match it {
            // The result of the largest integers is a decimal, which has room.
            DataType::UInt64 => false,
            other => other.is_integer(),
        })
    };
    let done = expr.transform_up(|expr| match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let known = Arithmetic::of(op);
            let checks = known.is_some() && is_integer(&left)? && is_integer(&right)?;
            Ok(match known.filter(|_| checks) {
                Some(arithmetic) => Transformed::yes(arithmetic.call(*left, *right)),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            })
        }
        Expr::Negative(value) if is_integer(&value)? => {
            let zero = lit(ScalarValue::Int64(Some(0)));
            Ok(Transformed::yes(Arithmetic::Subtract.call(zero, *value)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(done.data)
}

/// What is done with two integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
}

impl Arithmetic {
    fn of(op: Operator) -> Option<Self> {
        match op {
            Operator::Plus => Some(Self::Add),
            Operator::Minus => Some(Self::Subtract),
            Operator::Multiply => Some(Self::Multiply),
            _ => None,
        }
    }

    fn call(self, left: Expr, right: Expr) -> Expr {
        let types = vec![DataType::Int64, DataType::Int64];
        let signature = Signature::exact(types, Volatility::Immutable);
        let function = Checked { arithmetic: self, signature };
        Arc::new(ScalarUDF::new_from_impl(function)).call(vec![left, right])
    }
}

/// A function of two integers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    arithmetic: Arithmetic,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.arithmetic {
            Arithmetic::Add => "checked_add",
            Arithmetic::Subtract => "checked_subtract",
            Arithmetic::Multiply => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let [left, right] = args.args.as_slice() else {
            return Err(DataFusionError::Internal(format!("{} takes two values", self.name())));
        };
        match self.arithmetic {
            Arithmetic::Add => datum::apply(left, right, add),
            Arithmetic::Subtract => datum::apply(left, right, sub),
            Arithmetic::Multiply => datum::apply(left, right, mul),
        }
    }
}
