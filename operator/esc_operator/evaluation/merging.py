"""Merging one value over another, as JSON merge patch does (except that null replaces instead of deleting).

Objects unite key by key; anything else on top replaces what is below. What is below stays known as a base: it says where a value was defined before,
and an object on an unknown may still find properties there.
"""

from collections.abc import Mapping

from esc_operator.evaluation.values import SEALED, Value
from esc_operator.schema import merged_schema


def merge(top: Value, base: Value | None, blocked: list[Value] | None = None) -> Value:
    """`top` over `base`. Parts of `top` that would override a final value are left out, and added to `blocked`."""
    if base is None or base is top or top.is_pending:
        return top
    if base.is_pending:
        return base  # it may turn out to be final
    if base.is_final:
        if blocked is not None and top.definition is not base.definition:
            blocked.append(top)
        return base
    bases = (*top.bases, base, *base.bases)
    if not top.is_object or top.is_sealed:
        schema = (
            merged_schema(base.schema, top.schema) if top.is_unknown and base.may_be_object else top._declared_schema
        )
        return Value(top._content, top.definition, top._flags, bases, schema)
    properties, sealed = _merge_properties(top.properties, base, blocked)
    return Value(properties, top.definition, top._flags | sealed, bases)


def _merge_properties(
    properties: Mapping[str, Value], base: Value, blocked: list[Value] | None
) -> tuple[dict[str, Value], int]:
    if base.is_object:
        merged = dict(base.properties)
        for key, child in properties.items():
            merged[key] = merge(child, merged.get(key), blocked)
        return merged, base._flags & SEALED
    if base.is_unknown:
        return {key: merge(child, base.member(key), blocked) for key, child in properties.items()}, SEALED
    return dict(properties), SEALED
