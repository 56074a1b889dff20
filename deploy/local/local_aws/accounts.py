"""The accounts of this AWS: the one place that reads moto's IAM and STS.

Answers who a key belongs to, which identity providers and roles an account has, and makes temporary keys that moto's
own services take for the account's. Everything in it is set up through the real IAM API, by boto3.

moto walks its own records without a lock, and fails where another request adds to them meanwhile: whoever works on
those of IAM and STS does so alone.
"""

import base64
import datetime
import re
import secrets
import threading
from dataclasses import dataclass

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, OpenIDConnectProvider, Role, iam_backends
from moto.sts.models import sts_backends

DEFAULT_ACCOUNT = "123456789012"
_PARTITION = "aws"
_WORKING = threading.Lock()
_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64}")


@dataclass(frozen=True)
class Key:
    """An access key as the records have it; never shown, never logged."""

    access_key_id: str
    secret: str
    session_token: str = ""
    expires_at: datetime.datetime | None = None
    """None for a key that lasts until it is deleted."""

    def __repr__(self) -> str:
        return f"Key({self.access_key_id})"


def alone() -> threading.Lock:
    """To be held while moto answers a request of IAM or STS; within it nothing of this module is called."""
    return _WORKING


def account_of_role(arn: str) -> str | None:
    """The account in a role's ARN; None where it is not a role's ARN at all."""
    found = _ROLE_ARN.fullmatch(arn)
    return found[1] if found else None


def find_provider(account: str, url: str) -> OpenIDConnectProvider | None:
    return _iam(account).open_id_providers.get(f"arn:{_PARTITION}:iam::{account}:oidc-provider/{url}")


def find_role(account: str, arn: str) -> Role | None:
    try:
        with alone():
            return _iam(account).get_role_by_arn(arn)
    except NotFoundException:
        return None


def make_temporary_key(account: str, role_arn: str, expires_at: datetime.datetime) -> Key:
    with alone():
        key = _iam(account).create_temp_access_key()
    key.role_arn = role_arn
    # The length and the beginning of a real one: what is done with it here must also fit there.
    token = "IQoJb3JpZ2luX2Vj" + base64.b64encode(secrets.token_bytes(390)).decode()
    return Key(key.access_key_id, key.secret_access_key, token, expires_at)


def find_key_in_moto(access_key_id: str) -> Key | None:
    """A user's active key, or the session of a signed AssumeRole."""
    with alone():
        return _find_key_in_moto(access_key_id)


def _find_key_in_moto(access_key_id: str) -> Key | None:
    for account, partitions in iam_backends.items():
        user_key = partitions[_PARTITION].access_keys.get(access_key_id)
        if user_key and user_key.user_name and user_key.status == "Active":
            return Key(access_key_id, user_key.secret_access_key)
        session = sts_backends[account][_PARTITION].get_assumed_role_from_access_key(access_key_id)
        if session:
            expires_at = session.expiration.replace(tzinfo=datetime.UTC)
            return Key(access_key_id, session.secret_access_key, session.session_token, expires_at)
    return None


def _iam(account: str) -> IAMBackend:
    return iam_backends[account][_PARTITION]
