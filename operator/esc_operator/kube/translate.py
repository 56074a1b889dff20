"""The one translator of the API server's errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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


def error_from_answer(code: int, body: bytes, headers: Mapping[str, str], what: str) -> KubeError:
    """The error for an answer that is not 2xx. `what` says what was tried, such as `read secrets apps/aws`.

    Of a 422 only the fields and the kind of trouble are told: the server's own words may quote a value.
    """
    status = _parse_status(body)
    kind = _BY_CODE.get(code, UnavailableError if code >= 500 else KubeError)
    text = _causes(status) if kind is InvalidError else str(status.get("message") or "")
    message = f"could not {what}: {text or f'the API server answered {code}'}"
    return kind(message, retry_after=_retry_after(headers))


def error_from_failure(failure: BaseException, what: str) -> UnavailableError:
    """The error for a request that got no answer. Only the type of the failure is told."""
    return UnavailableError(f"could not {what}: the API server did not answer ({type(failure).__name__})")


def _parse_status(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _causes(status: Mapping[str, Any]) -> str:
    causes = (status.get("details") or {}).get("causes") or ()
    told = [f"{cause.get('field') or 'the object'}: {cause.get('reason', 'invalid')}" for cause in causes]
    return "the API server refuses it as invalid" + (f" ({', '.join(told)})" if told else "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    # Seconds or a date; the API server sends seconds.
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
