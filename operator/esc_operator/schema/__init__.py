"""The JSON-Schema subset of environments: model, compilation, validation.

Owns what a schema is and whether a value, known or not yet known, fits it. Sees values only through the `Instance`
protocol and knows nothing of expressions. Invariant: validation never raises and never stops early; every failure is a
`Finding` at the value that fails.
"""

from esc_operator.schema.checks import Charge, free
from esc_operator.schema.compile import SchemaError, from_json
from esc_operator.schema.instance import Finding, Instance
from esc_operator.schema.jsontext import Json, NumberText, json_text
from esc_operator.schema.known import validate
from esc_operator.schema.model import (
    ALWAYS,
    ARRAY,
    ARRAYS,
    NEVER,
    NULL,
    OBJECT,
    STRING,
    STRINGS,
    Schema,
    TypeName,
    merged_schema,
)

__all__ = [
    "ALWAYS",
    "ARRAY",
    "ARRAYS",
    "NEVER",
    "NULL",
    "OBJECT",
    "STRING",
    "STRINGS",
    "Charge",
    "Finding",
    "Instance",
    "Json",
    "NumberText",
    "Schema",
    "SchemaError",
    "TypeName",
    "free",
    "from_json",
    "json_text",
    "merged_schema",
    "validate",
]
