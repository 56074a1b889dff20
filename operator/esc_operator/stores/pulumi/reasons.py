"""Reasons that only failures of Pulumi Cloud have: keys of conditions, metrics and alerts, stable across releases."""

INVALID_NAME = "InvalidName"
"""A name that no organization, project, environment, version or tag can have; nothing was requested."""

INVALID_API_URL = "InvalidAPIURL"
"""The URL of the API is not one, or has parts that it must not have."""

ACCESS_TOKEN_REFUSED = "PulumiTokenRefused"  # noqa: S105 - a reason, not a password
"""The access token is unknown, has expired or was revoked."""

EXCHANGE_REFUSED = "TokenExchangeRefused"
"""The organization does not exchange this identity token: it does not trust the issuer, or no policy allows it."""

ACCESS_DENIED = "PulumiAccessDenied"
"""The access token is valid and may not do this."""

ORGANIZATION_NOT_FOUND = "OrganizationNotFound"
"""There is no such organization, or the access token may not see it."""

ENVIRONMENT_NOT_FOUND = "EnvironmentNotFound"
"""There is no such environment, or the access token may not see it."""

VERSION_NOT_FOUND = "VersionNotFound"
"""The environment has no such revision or tag."""

REVISION_RETRACTED = "RevisionRetracted"
"""The revision was retracted: it can be neither read nor opened."""

SESSION_NOT_FOUND = "SessionNotFound"
"""The session in which an environment was opened has ended."""

PROPERTY_NOT_FOUND = "PropertyNotFound"
"""The opened environment has no such property, or the access token may not see it."""

ITEM_NOT_FOUND = "ItemNotFound"
"""Something else that belongs to an environment, such as a tag or a webhook, does not exist."""

ENVIRONMENT_CHANGED = "EnvironmentChanged"
"""The environment was changed since it was read; nothing was written."""

ALREADY_EXISTS = "AlreadyExists"
"""Something of this name exists already."""

DELETION_PROTECTED = "DeletionProtected"
"""The environment is protected against deletion."""

REFUSED = "PulumiCloudRefused"
"""The service refused the request, for a cause without a reason of its own."""

DEFINITION_HAS_ERRORS = "DefinitionHasErrors"
"""The service evaluated the definition and found errors in it."""

UNAVAILABLE = "PulumiCloudUnavailable"
"""The service failed."""

REDIRECTED = "Redirected"
"""The service answered with a redirect, which is not followed."""

NOT_THE_API = "NotTheAPI"
"""Something else than the API answers at this URL, such as a website or a proxy."""
