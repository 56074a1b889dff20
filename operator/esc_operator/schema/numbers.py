"""Numbers under validation, exactly: the text of a number may be longer than any float."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from esc_operator.schema.model import Schema


def problems_of_number(text: str, accept: Schema) -> list[str]:
    """Which numeric keywords the number fails."""
    bounds = (accept.minimum, accept.exclusive_minimum, accept.maximum, accept.exclusive_maximum)
    if accept.multiple_of is None and bounds == (None, None, None, None):
        return []
    number = _decimal(text)
    problems = []
    if accept.multiple_of and not _is_multiple(number, accept.multiple_of.value):
        problems.append(f"expected a multiple of {accept.multiple_of.text}")
    if accept.minimum and number < accept.minimum.value:
        problems.append(f"expected a number greater than or equal to {accept.minimum.text}")
    if accept.exclusive_minimum and number <= accept.exclusive_minimum.value:
        problems.append(f"expected a number greater than {accept.exclusive_minimum.text}")
    if accept.maximum and number > accept.maximum.value:
        # The missing space is upstream's.
        problems.append(f"expected a number less than or equal to{accept.maximum.text}")
    if accept.exclusive_maximum and number >= accept.exclusive_maximum.value:
        problems.append(f"expected a number less than {accept.exclusive_maximum.text}")
    return problems


def _decimal(text: str) -> Decimal:
    """The number, or infinity where its exponent is beyond what can be compared."""
    # Imported here because most environments never come to a numeric bound, and every command pays for an import.
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")


def _is_multiple(number: Decimal, step: Decimal) -> bool:
    from decimal import DivisionByZero, InvalidOperation, Overflow, localcontext

    with localcontext() as context:
        context.prec = 60
        try:
            quotient = number / step
        except (DivisionByZero, InvalidOperation, Overflow):
            return False
        return quotient.is_finite() and (quotient.adjusted() > 50 or quotient == quotient.to_integral_value())
