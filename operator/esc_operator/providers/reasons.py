"""Reasons that any provider's failure may have. A cloud's own reasons stand in its error translator."""

UNKNOWN_PROVIDER = "UnknownProvider"
"""No installed distribution registers a provider of that name."""

UNKNOWN_ROTATOR = "UnknownRotator"
"""No installed distribution registers a rotator of that name."""

PLUGIN_NOT_LOADED = "ProviderNotLoaded"
"""A provider is registered but its module could not be imported, or its schema cannot be read."""

PLUGIN_AMBIGUOUS = "ProviderAmbiguous"
"""Two distributions register a provider of the same name, and neither may stand in for the other."""

INVALID_INPUTS = "InvalidInputs"
"""The inputs fit the schema and still cannot be used as they are."""

SECRET_HOST = "SecretHost"  # noqa: S105  (a reason)
"""The name of a host would be made of a secret input."""

URL_NOT_ALLOWED = "URLNotAllowed"
"""The host that an input names is not public, and no administrator has named it."""

UNREACHABLE = "Unreachable"
"""A host that an input names gives no answer."""

ANSWER_TOO_LARGE = "AnswerTooLarge"
"""A host that an input names answers with more than is read."""

MALFORMED_ANSWER = "MalformedAnswer"
"""The service answered with something that is not what its protocol promises."""

PROVIDER_TIMEOUT = "ProviderTimeout"
"""The provider did not finish within the time that the driver gives it."""

NO_TURN = "NoTurn"
"""The provider was not called in time, because the same namespace asks it for so much else."""

PROVIDER_CRASHED = "ProviderCrashed"
"""The provider failed in a way that it does not explain: a bug in it."""

SHUTTING_DOWN = "ShuttingDown"
"""This process is ending and starts nothing new."""

NOT_ROTATED = "NotRotated"
"""A rotator has no state yet: nobody has asked for the first rotation."""
