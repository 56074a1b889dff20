"""Whether an identity token is to be believed: what every local cloud asks before it gives anything out."""

from local_identity.tokens import Doubt, Issuers, TokenError, WebIdentity, parse_token

__all__ = ["Doubt", "Issuers", "TokenError", "WebIdentity", "parse_token"]
