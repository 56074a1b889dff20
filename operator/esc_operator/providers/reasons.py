"""Reasons that any provider's failure may have. A cloud's own reasons are in its folder."""

UNKNOWN_PROVIDER = "UnknownProvider"
"""No installed distribution registers a provider of that name."""

UNKNOWN_ROTATOR = "UnknownRotator"
"""No installed distribution registers a rotator of that name."""

PLUGIN_NOT_LOADED = "ProviderNotLoaded"
"""A provider is registered but its module could not be imported, or its schema cannot be read."""

EXTRA_MISSING = "ExtraMissing"
"""A provider needs an extra of its distribution that is not installed."""

EXTRA_NOT_LOADED = "ExtraNotLoaded"
"""What an extra brings is installed and cannot be used here, such as a library for another platform."""

PLUGIN_AMBIGUOUS = "ProviderAmbiguous"
"""Two distributions register a provider of the same name, and neither may replace the other."""

INVALID_INPUTS = "InvalidInputs"
"""The inputs match the schema but cannot be used."""

SECRET_HOST = "SecretHost"  # noqa: S105  (a reason)
"""A secret input would become part of a host name."""

URL_NOT_ALLOWED = "URLNotAllowed"
"""The host that an input names is not public, and no administrator has allowed it."""

UNREACHABLE = "Unreachable"
"""A host that an input names does not answer."""

HOST_NOT_FOUND = "HostNotFound"
"""The name of a host that an input names has no address."""

ANSWER_TIMEOUT = "AnswerTimeout"
"""A host that an input names did not answer in time."""

ANSWER_CUT_OFF = "AnswerCutOff"
"""A host that an input names ended its answer too early."""

ANSWER_TOO_LARGE = "AnswerTooLarge"
"""The answer of a host that an input names exceeds the limit."""

MALFORMED_ANSWER = "MalformedAnswer"
"""The service's answer does not follow its protocol."""

PROVIDER_TIMEOUT = "ProviderTimeout"
"""The provider did not finish within the driver's time limit."""

NO_TURN = "NoTurn"
"""The provider was not called in time, because the namespace has too many other calls waiting."""

PROVIDER_CRASHED = "ProviderCrashed"
"""The provider raised an unexpected error: a bug in it."""

SHUTTING_DOWN = "ShuttingDown"
"""This process is ending and starts nothing new."""

NOT_ROTATED = "NotRotated"
"""A rotator has no state yet: its first rotation was not requested."""

REDIRECTED = "Redirected"
"""The service redirects to another address, which is not followed."""

SERVICE_UNAVAILABLE = "ServiceUnavailable"
"""The service answers that it does not serve."""

REQUEST_REFUSED = "RequestRefused"
"""The service refused the request for a cause without a reason of its own."""

OBJECT_FORBIDDEN = "ObjectForbidden"
"""The identity may not read an object of its namespace."""
