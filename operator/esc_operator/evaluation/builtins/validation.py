"""`fn::validate`."""

from esc_operator.evaluation.frames import Frame, Steps, secrecy
from esc_operator.evaluation.rendering import to_json_data
from esc_operator.evaluation.values import PENDING_VALUE
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Call


def validate(frame: Frame, call: Call) -> Steps:
    """`fn::validate: {schema: ..., value: ...}` is the value, which passes through even where the schema does not
    match.
    """
    schema = yield frame.operand(call, "schema")
    value = yield frame.operand(call, "value")
    if not (schema.is_complete and value.is_complete):
        return PENDING_VALUE
    result = frame.handed_on(value).marked(secrecy(schema))
    from esc_operator.schema.compile import SchemaError, from_json
    from esc_operator.schema.meta import meta_schema

    if not frame.conforms(schema, meta_schema()) or schema.contains_unknowns:
        return result
    frame.charge(schema.writing_units)
    try:
        accept = from_json(to_json_data(schema, redact=False), frame.charge)
    except SchemaError as error:
        detail = "the schema holds a secret and is not shown" if schema.contains_secrets else str(error)
        frame.error(schema.definition or call, f"invalid schema: {detail}", reasons.INVALID_SCHEMA)
        return result
    frame.conforms(value, accept, explains=not schema.contains_secrets)
    return result
