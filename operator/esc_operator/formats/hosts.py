"""Names of hosts. Pure."""

from __future__ import annotations

import ipaddress
import re

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")


def is_host(text: str) -> bool:
    """Whether a text is a host's name or address alone, in ASCII: without a scheme, a port, brackets or a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _NAME.fullmatch(text.lower()) is not None
    return "%" not in text
