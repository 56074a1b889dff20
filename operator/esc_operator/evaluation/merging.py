"""Merging one value over another, as JSON merge patch does (except that null replaces instead of deleting).

Objects merge key by key; anything else on top replaces the value below. The value below stays known as a base: it says
where a value was defined before, and an object on an unknown may still find properties there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.evaluation.values import FINAL, PENDING, SEALED, Merged, Value
from esc_operator.lang.budget import PART
from esc_operator.schema import free, merged_schema

if TYPE_CHECKING:
    from esc_operator.schema import Charge

_KEY: Final = 3
"""Units of work that it costs to take a key into a merged object."""


def merge(top: Value, base: Value | None, blocked: list[Value] | None = None, charge: Charge = free) -> Value:
    """`top` over `base`. Parts of `top` that would override a final value are left out, and added to `blocked`.
    Raises what `charge` raises; it is called before the
    work is done.
    """
    if base is None or base is top:
        return top
    flags, below = top.flags, base.flags
    if flags & PENDING:
        return top
    if below & (PENDING | FINAL):
        if below & FINAL and blocked is not None and top.definition is not base.definition:
            blocked.append(top)
        return base  # a pending one may turn out to be final
    merged = Merged(top, base)
    content = top.reveal_content()
    if type(content) is not dict or flags & SEALED:
        charge(PART)
        schema = None
        if top.is_unknown and base.may_be_object:
            charge(base.schema_units)
            schema = merged_schema(base.schema, top.schema, charge)
        return Value(content, top.definition, flags, merged, schema or (top.schema if top.is_unknown else None))
    properties, sealed = _merge_properties(content, base, blocked, charge)
    return Value(properties, top.definition, flags | sealed, merged)


def _merge_properties(
    properties: dict[str, Value], base: Value, blocked: list[Value] | None, charge: Charge
) -> tuple[dict[str, Value], int]:
    below = base.reveal_content()
    if type(below) is dict:
        charge(PART + _KEY * (len(below) + len(properties)))
        merged = {**below, **properties}
        for key in properties.keys() & below.keys():
            merged[key] = merge(properties[key], below[key], blocked, charge)
        return merged, base.flags & SEALED
    charge(PART)
    if base.is_unknown:
        charge(PART * len(properties))
        return {key: merge(child, base.member(key), blocked, charge) for key, child in properties.items()}, SEALED
    return properties, SEALED
