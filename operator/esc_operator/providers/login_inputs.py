"""The common inputs of the clouds' logins: parts of their schemas, and what may be wrong with them. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem
from esc_operator.formats.durations import format_duration, parse_duration
from esc_operator.providers import login_reasons, reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LONGEST = timedelta(hours=12)
"""The longest lifetime of any cloud's credentials."""

SECRET: Mapping[str, Any] = {"type": "string", "secret": True}
# Upstream's schema has a pattern; a sentence (`lifetime_problems`) is more useful.
LIFETIME: Mapping[str, Any] = {"type": "string"}
SUBJECT_ATTRIBUTES: Mapping[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Refused: the subject of a cluster's token cannot be changed.",
}


def refuse(problems: Iterable[InputProblem]) -> None:
    """Raises ProviderError for the first problem: an open refuses what a check reports."""
    for problem in problems:
        raise ProviderError(problem.message, reason=problem.reason)


def subject_problems(inputs: Mapping[str, Any], *within: str) -> Iterator[InputProblem]:
    """`within` is the path of these inputs."""
    if inputs.get("subjectAttributes"):
        yield InputProblem(
            (*within, "subjectAttributes"),
            "`subjectAttributes` is not supported: a cluster's token always has the subject"
            " system:serviceaccount:<namespace>:<name>; leave it out, and distinguish environments by ServiceAccount or"
            " `audience`",
            login_reasons.SUBJECT_ATTRIBUTES_UNSUPPORTED,
        )


def lifetime_problems(
    inputs: Mapping[str, Any], path: Sequence[str], cloud: str, shortest: timedelta
) -> Iterator[InputProblem]:
    """What is wrong with the lifetime at the end of the path; `inputs` are those around it."""
    name, text = path[-1], inputs.get(path[-1])
    if not isinstance(text, str):
        return
    try:
        lifetime = parse_duration(text)
    except (ValueError, OverflowError):
        yield InputProblem(
            tuple(path),
            f'`{name}` "{text}" is not a duration: write it like 1h, 30m or 1h30m',
            login_reasons.INVALID_DURATION,
        )
        return
    if lifetime > LONGEST:
        yield InputProblem(tuple(path), f"`{name}` {text}: {cloud} allows 12h at most", login_reasons.DURATION_TOO_LONG)
    if lifetime < shortest:
        yield InputProblem(
            tuple(path),
            f"`{name}` {text}: {cloud} allows no less than {format_duration(shortest)}",
            login_reasons.INVALID_DURATION,
        )


def is_token(text: str) -> bool:
    """Whether this can be a token: it becomes a header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def token_problems(text: str, *path: str) -> Iterator[InputProblem]:
    """What is wrong with a given token, which no message shows."""
    if not is_token(text):
        message = f"`{'.'.join(path)}` has a space, a line break or another sign that is in no token: write it without"
        yield InputProblem(path, message, reasons.INVALID_INPUTS)
