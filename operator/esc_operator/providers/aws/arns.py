"""Reads ARNs. Pure."""

from __future__ import annotations

import re

_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z]+:[a-z0-9-]*:([0-9]{12}):.*", re.DOTALL)


def account_of(arn: str) -> str:
    """The account, as messages name it; "" if the text is not an ARN with an account."""
    found = _ACCOUNT.fullmatch(arn)
    return f"account {found[1]}" if found else ""
