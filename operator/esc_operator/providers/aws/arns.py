"""What ARNs say, without any I/O."""

from __future__ import annotations

import re

_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z]+:[a-z0-9-]*:([0-9]{12}):.*", re.DOTALL)


def account_of(arn: str) -> str:
    """The account, as messages name it; "" for what is no ARN of one."""
    found = _ACCOUNT.fullmatch(arn)
    return f"account {found[1]}" if found else ""
