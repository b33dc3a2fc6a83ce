//! Decimals that stay exact where the query engine would cut digits, or wrap around.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray as _},
        compute::try_binary,
        datatypes::{DataType, Decimal128Type, i256},
        error::ArrowError,
    },
    error::DataFusionError,
    logical_expr::{
        Cast, ColumnarValue, Expr as PlanExpr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature, Volatility,
    },
};
use metalith_expr::{Aggregate, Operator, Type, Typed, TypedKind};

/// The most digits of a decimal, and of one that is twice as wide.
const MOST: u8 = 38;
const MOST_WIDE: u8 = 76;
/// Sums of decimals of so many digits have room among the most.
const SUMMED: u8 = 28;

/// Arithmetic of two decimals that the engine's own would not do as it should: it cuts quotients, and
/// knows of no overflow between the most digits and the largest number of its kind.
pub(super) fn arithmetic(op: Operator, typed: &Typed) -> Option<Exact> {
    let Type::Decimal(precision, scale) = *typed.data_type() else { return None };
    let TypedKind::Arithmetic { left, right, .. } = typed.kind() else { return None };
    let are_decimals = [left, right].iter().all(|it| matches!(it.data_type(), Type::Decimal(..)));
    let is_own = op == Operator::Divide || precision == MOST;
    (are_decimals && is_own).then(|| Exact::new(op, precision, scale))
}

/// The mean of decimals: of a type, from their sum and their number.
pub(super) fn mean(of: (u8, i8), sum: PlanExpr, summed: i8, count: PlanExpr) -> PlanExpr {
    let cast = |it: PlanExpr, scale| {
        PlanExpr::Cast(Cast::new(Box::new(it), DataType::Decimal128(MOST, scale)))
    };
    Exact::new(Operator::Divide, of.0, of.1).call(cast(sum, summed), cast(count, 0))
}

/// The type that decimals are aggregated in, if that is not their own: the engine adds without
/// looking whether there is room.
pub(super) fn wide((function, distinct): (Aggregate, bool), data_type: &Type) -> Option<DataType> {
    let Type::Decimal(precision, scale) = *data_type else { return None };
    match (function, distinct) {
        (Aggregate::Sum | Aggregate::Avg, false) if precision > SUMMED => {
            Some(DataType::Decimal256(MOST_WIDE, scale))
        }
        // The middle of two has one digit more.
        (Aggregate::Median, false) => {
            Some(DataType::Decimal256(MOST_WIDE, scale.saturating_add(1)))
        }
        // Different ones are only kept apart in a type of this width.
        (Aggregate::Median, true) => {
            let precision = precision.saturating_add(1).min(MOST);
            Some(DataType::Decimal128(precision, scale.saturating_add(1)))
        }
        _ => None,
    }
}

/// A function of two decimals, whose result is rounded half away from zero where it has too many
/// digits after the point, and an error where it has too many before it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Exact {
    op: Operator,
    precision: u8,
    scale: i8,
    signature: Signature,
}

impl Exact {
    fn new(op: Operator, precision: u8, scale: i8) -> Self {
        Self { op, precision, scale, signature: Signature::any(2, Volatility::Immutable) }
    }

    pub(super) fn call(self, left: PlanExpr, right: PlanExpr) -> PlanExpr {
        Arc::new(ScalarUDF::new_from_impl(self)).call(vec![left, right])
    }

    /// Two numbers without their points, of so many digits after them.
    fn compute(&self, (left, s1): (i128, i8), (right, s2): (i128, i8)) -> Result<i128, ArrowError> {
        let (own, s1, s2) = (i32::from(self.scale), i32::from(s1), i32::from(s2));
        let (left, right) = (i256::from_i128(left), i256::from_i128(right));
        let both = || Some((shifted(left, own - s1)?, shifted(right, own - s2)?));
        let computed = match self.op {
            Operator::Add => both().and_then(|(left, right)| left.checked_add(right)),
            Operator::Subtract => both().and_then(|(left, right)| left.checked_sub(right)),
            Operator::Multiply => left.checked_mul(right).and_then(|it| shifted(it, own - s1 - s2)),
            Operator::Divide | Operator::Remainder if right == i256::ZERO => {
                return Err(ArrowError::DivideByZero);
            }
            Operator::Remainder => both().and_then(|(left, right)| left.checked_rem(right)),
            Operator::Divide => shifted(left, own - s1 + s2).and_then(|it| rounded(it, right)),
            Operator::Concat => None,
        };
        let limit = 10_i128.checked_pow(u32::from(self.precision)).unwrap_or(i128::MAX);
        let fits = |it: &i128| it.unsigned_abs() < limit.unsigned_abs();
        computed.and_then(i256::to_i128).filter(fits).ok_or_else(|| {
            let wanted = format!("DECIMAL({}, {})", self.precision, self.scale);
            ArrowError::ArithmeticOverflow(format!("a result has no room in {wanted}"))
        })
    }
}

/// A number times a power of ten, rounded if that is a negative one.
fn shifted(number: i256, power: i32) -> Option<i256> {
    let factor = i256::from_i128(10).checked_pow(power.unsigned_abs())?;
    if power < 0 { rounded(number, factor) } else { number.checked_mul(factor) }
}

/// A quotient, rounded half away from zero.
fn rounded(number: i256, by: i256) -> Option<i256> {
    let (whole, rest) = (number.checked_div(by)?, number.checked_rem(by)?);
    let magnitude = |it: i256| if it < i256::ZERO { it.checked_neg() } else { Some(it) };
    // Twice the rest could have no room.
    let (rest, size) = (magnitude(rest)?, magnitude(by)?);
    if rest < size.checked_sub(rest)? {
        return Some(whole);
    }
    match (number < i256::ZERO) == (by < i256::ZERO) {
        true => whole.checked_add(i256::ONE),
        false => whole.checked_sub(i256::ONE),
    }
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.op {
            Operator::Add => "exact_add",
            Operator::Subtract => "exact_subtract",
            Operator::Multiply => "exact_multiply",
            Operator::Divide => "exact_divide",
            Operator::Remainder => "exact_remainder",
            Operator::Concat => "exact_concat",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Decimal128(self.precision, self.scale))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let is_scalar = args.args.iter().all(|it| matches!(it, ColumnarValue::Scalar(_)));
        let sides = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = sides.as_slice() else {
            return Err(DataFusionError::Internal(format!("{} takes two values", self.name())));
        };
        let scale = |it: &ArrayRef| match it.data_type() {
            DataType::Decimal128(_, scale) => Ok(*scale),
            other => Err(DataFusionError::Internal(format!("{other} is no decimal"))),
        };
        let (s1, s2) = (scale(left)?, scale(right)?);
        let (left, right) =
            (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
        let computed = try_binary::<_, _, _, Decimal128Type>(left, right, |left, right| {
            self.compute((left, s1), (right, s2))
        })?;
        let computed = computed.with_precision_and_scale(self.precision, self.scale)?;
        let computed: ArrayRef = Arc::new(computed);
        if is_scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(
                &computed, 0,
            )?));
        }
        Ok(ColumnarValue::Array(computed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computed(op: Operator, left: (i128, i8), right: (i128, i8), of: (u8, i8)) -> Option<i128> {
        Exact::new(op, of.0, of.1).compute(left, right).ok()
    }

    #[test]
    fn results_are_rounded_half_away_from_zero() {
        use Operator::{Divide, Multiply};
        assert_eq!(computed(Divide, (200, 2), (3, 0), (10, 6)), Some(666_667));
        assert_eq!(computed(Divide, (-200, 2), (3, 0), (10, 6)), Some(-666_667));
        assert_eq!(computed(Divide, (-1, 0), (-8, 0), (10, 2)), Some(13));
        assert_eq!(computed(Divide, (1, 0), (-8, 0), (10, 2)), Some(-13));
        assert_eq!(computed(Multiply, (15, 1), (15, 1), (10, 1)), Some(23));
    }

    #[test]
    fn what_has_no_room_is_an_error() {
        use Operator::{Add, Divide, Multiply, Subtract};
        let most = 10_i128.pow(38) - 1;
        assert_eq!(computed(Add, (most, 0), (1, 0), (38, 0)), None);
        assert_eq!(computed(Subtract, (-most, 0), (1, 0), (38, 0)), None);
        assert_eq!(computed(Add, (most, 0), (-1, 0), (38, 0)), Some(most - 1));
        assert_eq!(computed(Multiply, (most, 10), (most, 10), (38, 20)), None);
        assert_eq!(computed(Divide, (most, 0), (1, 30), (38, 6)), None);
        assert_eq!(computed(Divide, (1, 0), (0, 0), (38, 6)), None);
        assert_eq!(computed(Divide, (most, 38), (most, 38), (38, 37)), Some(10_i128.pow(37)));
    }
}
