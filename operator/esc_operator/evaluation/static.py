"""The schema of a known value: exactly that value."""

from esc_operator.evaluation.values import Value
from esc_operator.schema import Schema
from esc_operator.schema.model import constant, record_of, tuple_of


def schema_units(value: Value) -> int:
    """What it costs to make the schema of a value."""
    return 1 if value.is_unknown else 2 * value.writing_units


def schema_of(value: Value) -> Schema:
    if value.is_object:
        return record_of({key: child.schema for key, child in value.properties.items()})
    if value.is_array:
        return tuple_of(tuple(element.schema for element in value.elements))
    return constant(value.json_type, value.reveal_scalar())
