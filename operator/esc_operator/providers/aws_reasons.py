"""Reasons of AWS failures: what conditions, metrics and alerts are keyed by. Stable across releases."""

ROLE_TRUST_REFUSED = "RoleTrustRefused"
"""The role's trust policy does not let this subject and audience assume it, or there is no such role."""

IDENTITY_PROVIDER_MISSING = "IdentityProviderMissing"
"""The role's account has no IAM OpenID Connect provider for the token's issuer."""

ISSUER_UNREACHABLE = "IssuerUnreachable"
"""AWS could not fetch the issuer's discovery document or signing keys."""

ISSUER_CERTIFICATE_REFUSED = "IssuerCertificateRefused"
"""The issuer's HTTPS certificate does not match the thumbprint that the IAM OpenID Connect provider has."""

AUDIENCE_REFUSED = "AudienceRefused"
"""The token's audience is not among the client IDs of the IAM OpenID Connect provider."""

TOKEN_EXPIRED = "TokenExpired"  # noqa: S105 - a reason, not a password
"""The identity token had expired when it reached AWS."""

IDENTITY_TOKEN_REFUSED = "IdentityTokenRefused"  # noqa: S105 - a reason, not a password
"""AWS could not validate the identity token, for a cause without a reason of its own."""

IDP_COMMUNICATION_ERROR = "IDPCommunicationError"
"""AWS had a transient problem with reaching the issuer."""

INVALID_ROLE_ARN = "InvalidRoleArn"
"""The ARN is not one of a role."""

INVALID_SESSION_NAME = "InvalidSessionName"
"""AWS does not accept the session name."""

DURATION_TOO_LONG = "DurationTooLong"
"""The role does not allow sessions as long as this, or AWS allows none at all."""

INVALID_DURATION = "InvalidDuration"
"""The duration is not one, or shorter than AWS allows."""

INVALID_REGION = "InvalidRegion"
"""The region does not exist, or its name cannot be one."""

REGION_DISABLED = "RegionDisabled"
"""AWS STS is switched off in the region for the role's account."""

INVALID_ENDPOINT = "InvalidEndpoint"
"""The endpoint that the settings name is not an URL."""

SESSION_POLICY_REFUSED = "SessionPolicyRefused"
"""AWS does not accept the session policies (`policyArns`)."""

SUBJECT_ATTRIBUTES_UNSUPPORTED = "SubjectAttributesUnsupported"
"""The environment wants to shape the token's subject, which a cluster's token does not allow."""

THROTTLED = "Throttled"
"""AWS limits the rate of calls; the error carries how long it asks to wait, where it says so."""

AWS_UNAVAILABLE = "AWSUnavailable"
"""AWS could not be reached, did not answer in time, or failed itself."""

AWS_REFUSED = "AWSRefused"
"""AWS refused the call for a cause without a reason of its own."""
