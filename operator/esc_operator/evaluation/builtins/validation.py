"""`fn::validate`."""

from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.rendering import to_json_data
from esc_operator.evaluation.values import SECRET
from esc_operator.lang import reasons
from esc_operator.schema import SchemaError, from_json
from esc_operator.schema.meta import META_SCHEMA


def validate(frame: Frame) -> Steps:
    """`fn::validate: {schema: schema, value: value}` is the value, which is held to the schema and passes through even where it does not match."""
    schema = yield frame.operand("schema")
    value = yield frame.operand("value")
    if not (schema.is_complete and value.is_complete):
        return frame.pending()
    # Upstream loses the properties that the value inherits from its bases.
    flags = SECRET if value.contains_secrets or schema.contains_secrets else 0
    result = value.defined_by(frame.expression).marked(flags)
    if not frame.conforms(schema, META_SCHEMA) or schema.contains_unknowns:
        return result
    try:
        accept = from_json(to_json_data(schema, redact=False))
    except SchemaError as error:
        where = schema.definition or frame.expression
        frame.error(where, f"invalid schema: {error}", reasons.INVALID_SCHEMA)
        return result
    frame.conforms(value, accept)
    return result
