"""Reasons of failures that only AWS has: keys of conditions, metrics and alerts, stable across releases."""

ROLE_TRUST_REFUSED = "RoleTrustRefused"
"""The role's trust policy does not let this subject and audience assume it, or there is no such role."""

IDENTITY_PROVIDER_MISSING = "IdentityProviderMissing"
"""The role's account has no IAM OpenID Connect provider for the token's issuer."""

ISSUER_CERTIFICATE_REFUSED = "IssuerCertificateRefused"
"""The issuer's HTTPS certificate does not match the thumbprint that the IAM OpenID Connect provider has."""

IDP_COMMUNICATION_ERROR = "IDPCommunicationError"
"""AWS had a transient problem with reaching the issuer."""

INVALID_ROLE_ARN = "InvalidRoleArn"
"""The ARN is not one of a role."""

INVALID_SESSION_NAME = "InvalidSessionName"
"""AWS does not accept the session name."""

INVALID_REGION = "InvalidRegion"
"""The region does not exist, or its name cannot be one."""

REGION_DISABLED = "RegionDisabled"
"""AWS STS is switched off in the region for the role's account."""

SESSION_POLICY_REFUSED = "SessionPolicyRefused"
"""AWS does not accept the session policies (`policyArns`)."""

AWS_UNAVAILABLE = "AWSUnavailable"
"""AWS could not be reached, did not answer in time, or failed itself."""

AWS_REFUSED = "AWSRefused"
"""AWS refused the call for a cause without a reason of its own."""

ACCESS_DENIED = "AWSAccessDenied"
"""The login lacks a permission for what is asked."""

USER_MISSING = "UserMissing"
"""There is no IAM user of that ARN."""

UNKNOWN_ACCESS_KEYS = "UnknownAccessKeys"
"""The IAM user has as many access keys as AWS allows, and none of them may be deleted."""

LOGIN_REFUSED = "AWSLoginRefused"
"""AWS does not accept the keys of the login: they have expired, or are not known."""

SECRET_MISSING = "AWSSecretMissing"  # noqa: S105 - a reason, not a password
"""Secrets Manager has no secret of that name in the region."""

SECRET_VERSION_MISSING = "AWSSecretVersionMissing"  # noqa: S105
"""The secret has no version with that ID or staging label."""

SECRET_DELETED = "AWSSecretDeleted"  # noqa: S105
"""The secret is marked for deletion, and cannot be read any more."""

PARAMETER_MISSING = "AWSParameterMissing"
"""Parameter Store has no parameter of that name in the region, or not that version or label of it."""

DECRYPTION_REFUSED = "AWSDecryptionRefused"
"""The value may be read, but the KMS key that encrypts it may not, or cannot, be used."""
