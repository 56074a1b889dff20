"""Merging one value over another, as JSON merge patch does (except that null replaces instead of deleting).

Objects unite key by key; anything else on top replaces what is below. What is below stays known as a base: it says
where a value was defined before, and an object on an unknown may still find properties there.
"""

from esc_operator.evaluation.values import FINAL, PENDING, SEALED, Value
from esc_operator.schema import merged_schema


def merge(top: Value, base: Value | None, blocked: list[Value] | None = None) -> Value:
    """`top` over `base`. Parts of `top` that would override a final value are left out, and added to `blocked`."""
    if base is None or base is top or top.is_pending:
        return top
    if base.flags & (PENDING | FINAL):
        if base.is_final and blocked is not None and top.definition is not base.definition:
            blocked.append(top)
        return base  # a pending one may turn out to be final
    bases = (*top.bases, base, *base.bases)
    if top.bases and base.bases:
        # What two imports have both imported counts once: else every diamond would double the bases above it.
        bases = tuple(dict.fromkeys(bases))
    content = top.reveal_content()
    if type(content) is not dict or top.flags & SEALED:
        schema = merged_schema(base.schema, top.schema) if top.is_unknown and base.may_be_object else None
        return Value(content, top.definition, top.flags, bases, schema or (top.schema if top.is_unknown else None))
    properties, sealed = _merge_properties(content, base, blocked)
    return Value(properties, top.definition, top.flags | sealed, bases)


def _merge_properties(
    properties: dict[str, Value], base: Value, blocked: list[Value] | None
) -> tuple[dict[str, Value], int]:
    below = base.reveal_content()
    if type(below) is dict:
        merged = {**below, **properties}
        for key in properties.keys() & below.keys():
            merged[key] = merge(properties[key], below[key], blocked)
        return merged, base.flags & SEALED
    if base.is_unknown:
        return {key: merge(child, base.member(key), blocked) for key, child in properties.items()}, SEALED
    return properties, SEALED
