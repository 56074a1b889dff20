"""The one translator of the API server's errors.

Owns which kind of error an answer is. Of a write that carries secrets nothing is told but what `refusals` lets through:
whoever refuses it may quote it.
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
from esc_operator.kube.refusals import (
    NO_WORDS,
    PolicyWords,
    Refusal,
    advise_on_field,
    denying_policy,
    find_refusal,
)
from esc_operator.projection.secret import SECRET_TOO_LARGE

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

_ANSWERED: Final = "the API server answered {}"
_ANSWERS: Final = {
    401: "the API server does not accept the operator's token",
    429: "the API server answered 429, because it has too many requests",
}

_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]/-]{1,400}")


def error_from_answer(  # noqa: PLR0913 - the parts of an answer, and what is known of it
    code: int,
    body: bytes,
    headers: Mapping[str, str],
    what: str,
    *,
    is_confidential: bool = False,
    of_policy: PolicyWords = NO_WORDS,
) -> KubeError:
    """The error for an answer that is not 2xx. `what` says what was tried, such as `read secrets apps/aws`.

    Of a 422 only the fields and the kind of trouble are told: the server's own words may quote a value. Where the
    request was confidential, of no answer more is told than who refused it, why as far as that is safe to tell, and
    what to do about it. `of_policy`: the words that stand in the policy that denies it.
    """
    status = _parse_status(body)
    kind = _BY_CODE.get(code, UnavailableError if code >= 500 else KubeError)
    words, wait = str(status.get("message") or ""), _retry_after(headers)
    if is_confidential:
        refusal = find_refusal(words, of_policy, [str(one.get("message") or "") for one in _list_causes(status)])
        refusal = refusal or _unexplained(kind, code, status)
        kind, reason = _kind_of(kind, refusal), refusal.reason or None
        return kind(f"could not {what}: {refusal}", reason=reason, retry_after=wait, cause=refusal.cause)
    refusal = find_refusal(words)
    if refusal and refusal.outage:  # which webhook cannot be called, in the same words
        reason, cause = refusal.reason or None, refusal.cause
        return UnavailableError(f"could not {what}: {refusal}", reason=reason, retry_after=wait, cause=cause)
    if refusal and refusal.denies and kind is InvalidError:  # its words are not the API server's, nor about fields
        return ForbiddenError(f"could not {what}: {refusal.cause}", retry_after=wait, cause=refusal.cause)
    text = (_invalid(status) if kind is InvalidError else words) or _ANSWERED.format(code)
    return kind(f"could not {what}: {text}", retry_after=wait, cause=text)


def _kind_of(kind: type[KubeError], refusal: Refusal) -> type[KubeError]:
    """What nobody has judged is an outage, and what somebody denies is forbidden, whatever the code says: a webhook
    denies with any."""
    if refusal.outage:
        return UnavailableError
    if refusal.denies:
        return ForbiddenError
    return InvalidError if refusal.reason == SECRET_TOO_LARGE else kind


def _unexplained(kind: type[KubeError], code: int, status: Mapping[str, Any]) -> Refusal:
    """What can be told where nobody is known to have refused it."""
    if kind is not InvalidError:
        return Refusal(_ANSWERS.get(code, _ANSWERED.format(code)))
    advice = next((found for one in _fields(status) if (found := advise_on_field(*one))), "")
    return Refusal(_invalid(status), advice)


def denying_policy_of(body: bytes) -> str:
    """The name of the ValidatingAdmissionPolicy that denies a request with this answer; "" where it is none."""
    return denying_policy(str(_parse_status(body).get("message") or ""))


def _parse_status(body: bytes) -> Mapping[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _list_causes(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []


def _fields(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(_field(cause), _word(cause)) for cause in _list_causes(status)]


def _invalid(status: Mapping[str, Any]) -> str:
    told = ", ".join(f"{field}: {word}" for field, word in _fields(status))
    return "the API server refuses it as invalid" + (f" ({told})" if told else "")


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
