"""The one translator of the API server's errors.

What is sent may hold secrets, and whoever refuses it may quote it: an admission webhook says what it likes. So of a
write that carries secrets nothing is told but who refused it, by a name that only an administrator can give.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from esc_operator.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    NotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_CODE: dict[int, type[KubeError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    413: InvalidError,
    422: InvalidError,
    429: UnavailableError,
}


_NAME: Final = r"([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)"

# As the API server writes them itself, and only at their beginning: behind it others have the word.
_REFUSERS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(rf'admission webhook "{_NAME}" denied the request'), 'the admission webhook "{}" denies it'),
    (
        re.compile(rf'Internal error occurred: failed calling webhook "{_NAME}"'),
        'the admission webhook "{}" cannot be reached',
    ),
    (
        re.compile(rf"secrets \"[^\"]{{0,253}}\" is forbidden: ValidatingAdmissionPolicy '{_NAME}' with binding"),
        'the ValidatingAdmissionPolicy "{}" denies it',
    ),
    (
        re.compile(rf'secrets "[^"]{{0,253}}" is forbidden: exceeded quota: {_NAME}, requested'),
        'the ResourceQuota "{}" is used up',
    ),
    (
        re.compile(rf'secrets "[^"]{{0,253}}" is forbidden: unable to create new content in namespace {_NAME} because'),
        'the namespace "{}" is being deleted',
    ),
    (
        re.compile(r'secrets "[^"]{0,253}" is forbidden: User "[^"]{0,253}" cannot ([a-z]{1,20}) resource "secrets"'),
        "the operator has no right to {} Secrets there",
    ),
    (re.compile(r"Apply failed with ([0-9]{1,9}) conflict"), "other field managers own {} of its fields"),
    (
        re.compile(
            r"(?:etcdserver: request is too large|rpc error: code = ResourceExhausted|Request entity too large)()"
        ),
        "it is too large for the API server",
    ),
)


_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]/-]{1,400}")


def error_from_answer(
    code: int, body: bytes, headers: Mapping[str, str], what: str, *, is_confidential: bool = False
) -> KubeError:
    """The error for an answer that is not 2xx. `what` says what was tried, such as `read secrets apps/aws`.

    Of a 422 only the fields and the kind of trouble are told: the server's own words may quote a value. Where the
    request was confidential, of no answer more is told than who refused it.
    """
    status = _parse_status(body)
    kind = _BY_CODE.get(code, UnavailableError if code >= 500 else KubeError)
    words = str(status.get("message") or "")
    text = _refuser(words) if is_confidential else "" if kind is InvalidError else words
    if not text and kind is InvalidError:
        text = _causes(status)
    message = f"could not {what}: {text or f'the API server answered {code}'}"
    return kind(message, retry_after=_retry_after(headers))


def _refuser(text: str) -> str:
    """Who has refused a request, by name; "" where that cannot be told for sure."""
    found = ((pattern.match(text), told) for pattern, told in _REFUSERS)
    return next((told.format(match[1]) for match, told in found if match), "")


def _parse_status(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _causes(status: Mapping[str, Any]) -> str:
    causes = (status.get("details") or {}).get("causes") or ()
    told = [f"{_field(cause)}: {_word(cause)}" for cause in causes]
    return "the API server refuses it as invalid" + (f" ({', '.join(told)})" if told else "")


def _field(cause: Mapping[str, Any]) -> str:
    field = str(cause.get("field") or "")
    return field if _FIELD.fullmatch(field) else "the object"


def _word(cause: Mapping[str, Any]) -> str:
    word = str(cause.get("reason") or "")
    return word if word.isascii() and word.isalpha() else "invalid"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    # Seconds or a date; the API server sends seconds.
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
