"""The JSON-Schema subset of environments: model, compilation, validation.

Owns what a schema is and whether a value, known or not yet known, fits it. Sees values only through the `Instance`
protocol and knows nothing of expressions. Invariant: validation never raises and never stops early; every failure is a
`Finding` at the value that fails. Modules that compile and validate import
`compile` and `known`: a static environment does neither.
"""

from esc_operator.schema.checks import Charge, free
from esc_operator.schema.jsontext import Json, NumberText, json_text
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
    "Json",
    "NumberText",
    "Schema",
    "TypeName",
    "free",
    "json_text",
    "merged_schema",
]
