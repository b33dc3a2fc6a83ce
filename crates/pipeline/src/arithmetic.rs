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
    let integer =
        |expr: &Expr| expr.get_type(schema).map(|it| Some(it).filter(DataType::is_integer));
    let done = expr.transform_up(|expr| match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let known = Arithmetic::of(op);
            Ok(match (known, integer(&left)?, integer(&right)?) {
                (Some(arithmetic), Some(one), Some(other)) => {
                    let computed = computed_as(&one, &other);
                    Transformed::yes(arithmetic.call(computed, *left, *right))
                }
                _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            })
        }
        Expr::Negative(value) if integer(&value)?.is_some() => {
            let zero = lit(ScalarValue::Int64(Some(0)));
            Ok(Transformed::yes(Arithmetic::Subtract.call(DataType::Int64, zero, *value)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(done.data)
}

/// The type that two integers are computed as: the largest unsigned one for those that have no
/// sign, and may need all of it.
fn computed_as(one: &DataType, other: &DataType) -> DataType {
    let is_unsigned = one.is_unsigned_integer() && other.is_unsigned_integer();
    match is_unsigned && (*one == DataType::UInt64 || *other == DataType::UInt64) {
        true => DataType::UInt64,
        false => DataType::Int64,
    }
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

    fn call(self, computed: DataType, left: Expr, right: Expr) -> Expr {
        let types = vec![computed.clone(), computed.clone()];
        let signature = Signature::exact(types, Volatility::Immutable);
        let function = Checked { arithmetic: self, computed, signature };
        Arc::new(ScalarUDF::new_from_impl(function)).call(vec![left, right])
    }
}

/// A function of two integers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    arithmetic: Arithmetic,
    /// The type of both, and of the result.
    computed: DataType,
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
        Ok(self.computed.clone())
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
