"""What AWS says of a web identity token that it does not believe. Whether it does is for `local_identity` to say."""

import time

from local_aws.refusals import AwsError
from local_identity import Doubt, TokenError, WebIdentity

# Two words too close together, as AWS has them.
_NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
_NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
_NOT_VALID = (
    "The web identity token that was passed could not be validated by AWS. "
    "Get a new identity token from the identity provider and then retry the request."
)
_WORDS = {
    Doubt.NO_JWT: _NO_JWT,
    Doubt.NO_URL: "Issuer must be a valid URL",
    Doubt.NO_KEY: _NO_KEY,
    Doubt.NOT_SIGNED: _NOT_VALID,
    Doubt.TOO_EARLY: _NOT_VALID,
}


def refusal_of(error: TokenError, identity: WebIdentity | None) -> AwsError:
    """`identity` is what the token says, as far as it could be read."""
    if error.doubt is Doubt.EXPIRED and identity is not None:
        return AwsError(
            "ExpiredTokenException",
            f"Token expired: current date/time {int(time.time())} must be before the expiration date/time"
            f" {identity.expires_at}",
        )
    if error.doubt is Doubt.NO_CLAIM:
        return AwsError("InvalidIdentityToken", f"Missing a required claim: {error.claim}")
    return AwsError("InvalidIdentityToken", _WORDS[error.doubt])
