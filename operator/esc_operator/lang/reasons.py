"""Why a diagnostic was raised: one CamelCase constant a cause, stable across releases.

Conditions, metrics and tests tell causes apart by these words; the summary is for people. A failure that came from
outside (a loader, a provider, a decrypter) carries the reason that the outside gave, so this list is not closed.
"""

from typing import Final

INVALID_YAML: Final = "InvalidYAML"
"""The text is not YAML, or uses a part of YAML the language has no meaning for (aliases, keys that are not
strings, bad casts).
"""
INVALID_DOCUMENT: Final = "InvalidDocument"
"""The document's own shape is wrong: the root, `values`, `imports` or an import item."""
INVALID_EXPRESSION: Final = "InvalidExpression"
"""An expression cannot be read: a builtin's argument has the wrong shape, or an interpolation does not close."""
UNKNOWN_FIELD: Final = "UnknownField"
"""A top-level key the language does not know (a warning)."""
DUPLICATE_KEY: Final = "DuplicateKey"
"""A key stands twice in one object."""
RESERVED_KEY: Final = "ReservedKey"
"""`imports`, `context` or `environments` defined under `values`."""
UNKNOWN_PROPERTY: Final = "UnknownProperty"
"""A reference names a property that is not there."""
INVALID_ACCESS: Final = "InvalidAccess"
"""A reference uses a name on an array, an index on an object, or goes into something that has no parts."""
CYCLIC_REFERENCE: Final = "CyclicReference"
"""A value needs itself."""
CYCLIC_IMPORT: Final = "CyclicImport"
"""An environment imports itself, directly or through others."""
IMPORT_FAILED: Final = "ImportFailed"
"""An imported environment could not be loaded."""
UNKNOWN_PROVIDER: Final = "UnknownProvider"
"""No provider or rotator of that name could be loaded."""
INVALID_SCHEMA: Final = "InvalidSchema"
"""A schema, a provider's or one written in the document, does not compile."""
INVALID_INPUTS: Final = "InvalidInputs"
"""A value does not match the schema or type it is held to."""
INVALID_ENCODING: Final = "InvalidEncoding"
"""Text that should be JSON or base64 is not, or a value cannot be written as JSON."""
PROVIDER_FAILED: Final = "ProviderFailed"
"""A provider or rotator answered with a failure that carries no reason of its own."""
DECRYPTION_FAILED: Final = "DecryptionFailed"
"""A ciphertext is damaged, or could not be decrypted."""
FINAL_VALUE: Final = "FinalValue"
"""An attempt to override a final value; the final value stands (a warning)."""
LIMIT_EXCEEDED: Final = "LimitExceeded"
"""The document or its evaluation is larger, deeper or longer than `Limits` allows."""
