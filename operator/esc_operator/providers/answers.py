"""What a service answered: its JSON object, its text without secrets, and its `Retry-After`. Pure."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

# A JWT, an access key ID, and anything as long as a secret access key without a space or a colon.
_SECRET_LIKE = re.compile(r"eyJ[A-Za-z0-9_.-]+|(?:AKIA|ASIA)[A-Z0-9]{12,}|[A-Za-z0-9+/=_.-]{40,}")
_LONGEST = 300
_CODE = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)*")


def json_object(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object that a body is; None if it is anything else, such as one with a number that is none (NaN)."""
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for (a number or an HTTP date), or None."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):  # not a date, or one without a zone
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def code_word(code: object) -> str:
    """A foreign error code, such as SecretNotFound or NOT_FOUND; "" for anything that is none."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def without_secrets(text: object) -> str:
    """A foreign text on one line, without anything that could be a token or a key."""
    line = " ".join(str(text or "").split())
    cut = _SECRET_LIKE.sub("[secret]", line)
    return cut if len(cut) <= _LONGEST else cut[:_LONGEST] + "…"
