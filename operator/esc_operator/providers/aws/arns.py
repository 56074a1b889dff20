"""Reads ARNs. Pure."""

from __future__ import annotations

import base64
import re

_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z]+:[a-z0-9-]*:([0-9]{12}):.*", re.DOTALL)
_KEY_ID = re.compile(r"A[A-Z]{3}[A-Z2-7]{16}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\x21-\x7e]{1,1024}")
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/.*", re.DOTALL)
_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[\x21-\x7e]{1,1024}")
_USER = re.compile(r"arn:(aws[a-z-]*):iam::[0-9]{12}:user/(?:[\x21-\x7e]+/)?([A-Za-z0-9+=,.@_-]{1,64})")

_EXAMPLE = "arn:aws:iam::123456789012"
_LONGEST = 200
"""Characters of a wrong ARN that a message repeats. A text is repeated as a whole or not at all: it may be a secret,
and what hides secrets in a message finds no parts of them."""


def account_of(arn: str) -> str:
    """The account, as messages name it; "" if the text is not an ARN with an account."""
    found = _ACCOUNT.fullmatch(arn)
    return f"account {found[1]}" if found else ""


def account_of_key(access_key_id: str) -> str:
    """The account of an access key, as messages name it; "" for one that does not say.

    AWS documents the call that tells it and not the encoding, but has kept to it since 2019. It only groups calls that
    are throttled together, so a wrong answer would cost nothing else."""
    if not _KEY_ID.fullmatch(access_key_id):
        return ""
    number = int.from_bytes(base64.b32decode(access_key_id[4:])[:6], "big")
    has_account, account = number >> 47, (number & 0x7FFFFFFFFF80) >> 7
    return f"account {account:012d}" if has_account and account < 10**12 else ""


def region_of(arn: str) -> str:
    """The region of a resource; "" if the text is not an ARN with one."""
    parts = arn.split(":", 5)
    return parts[3] if len(parts) == 6 and parts[0] == "arn" else ""


def in_region(name: str, region: str) -> str:
    """The same resource in another region; a name that is no ARN is the same there."""
    parts = name.split(":", 5)
    return ":".join([*parts[:3], region, *parts[4:]]) if region_of(name) else name


def role_problem(arn: str) -> str:
    """Why a text is not the ARN of a role, and what to write; "" if it is one."""
    if _ROLE.fullmatch(arn):
        return ""
    problem = f"{_shown(arn)} is not the ARN of a role"
    if _SESSION.fullmatch(arn):
        return f"{problem} but of a session of one: write that of the role, {_EXAMPLE}:role/name"
    if arn.startswith("arn:") and ":role/" not in arn:
        return f"{problem}: that of a role looks like {_EXAMPLE}:role/name"
    name = arn if _NAME.fullmatch(arn) else "name"
    return f"{problem}: it looks like {_EXAMPLE}:role/{name}, with the number of the account, which has 12 digits"


def policy_problem(arn: str) -> str:
    """Why a text is not the ARN of a managed policy; "" if it is one."""
    if _POLICY.fullmatch(arn):
        return ""
    looks = f"{_EXAMPLE}:policy/name or arn:aws:iam::aws:policy/name"
    return f"{_shown(arn)} is not the ARN of a policy: it looks like {looks}"


def user_name(arn: str) -> str:
    """The name of the user with this ARN; "" if the text is not the ARN of one."""
    found = _USER.fullmatch(arn)
    return found[2] if found else ""


def user_problem(arn: str) -> str:
    """Why a text is not the ARN of a user; "" if it is one."""
    return "" if user_name(arn) else f"{_shown(arn)} is not the ARN of a user: it looks like {_EXAMPLE}:user/name"


def _shown(arn: str) -> str:
    return f'"{arn}"' if len(arn) <= _LONGEST else f"a text of {len(arn)} characters"
