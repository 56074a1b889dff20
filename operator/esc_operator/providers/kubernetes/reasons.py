"""Reasons why a ConfigMap or a Secret gives no value."""

NO_NAMESPACE = "NoNamespace"
"""Whoever opens the environment is in no namespace of a cluster."""

OBJECT_NOT_FOUND = "ObjectNotFound"
"""There is no object of that name in the namespace."""

KEY_NOT_FOUND = "KeyNotFound"
"""The object does not have that key."""

OBJECT_NOT_USABLE = "ObjectNotUsable"
"""A Secret that no environment may read, because it is a token for the API server or the operator makes it."""

BINARY_VALUE = "BinaryValue"
"""The value is not text, and the inputs do not ask for base64."""

VALUES_TOO_LARGE = "ValuesTooLarge"
"""The values of one call are too large together."""
