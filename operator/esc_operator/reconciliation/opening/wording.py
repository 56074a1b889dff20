"""The messages for an environment's errors: which, where, and the line of the text.

Owns what a message may show: no line with a plaintext secret, and nothing about an environment behind an import that
the owner has not named. Pure.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from esc_operator.lang.excerpts import excerpt
from esc_operator.lang.reasons import (
    CYCLIC_IMPORT,
    IMPORT_FAILED,
    INVALID_YAML,
    LIMIT_EXCEEDED,
)
from esc_operator.providers.reasons import UNKNOWN_PROVIDER, UNKNOWN_ROTATOR
from esc_operator.reconciliation.opening.admission import REFUSALS
from esc_operator.reconciliation.opening.import_store import SEE_OWNER
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import reasons
from esc_operator.resources.environment import key_of
from esc_operator.resources.warnings import MAX_WARNINGS, make_warning
from esc_operator.stores.references import INVALID_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from esc_operator.lang import Diagnostic
    from esc_operator.lang.diagnostics import Position
    from esc_operator.lang.excerpts import Excerpt
    from esc_operator.reconciliation.sync.outcome import Imports
    from esc_operator.resources.warnings import StatusWarning
    from esc_operator.stores.port import StoredDefinition


_UNTIL_CHANGED = REFUSALS | {
    reasons.IMPORT_NOT_TRUSTED,
    reasons.DEFINITION_NOT_FOUND,
    reasons.DEFINITION_NOT_USABLE,
    reasons.ACCESS_TOKEN_NOT_FOUND,
    reasons.ACCESS_TOKEN_NOT_USABLE,
}


_OF_IMPORTS = frozenset(
    {
        CYCLIC_IMPORT,
        IMPORT_FAILED,
        reasons.IMPORT_NOT_FOUND,
        reasons.IMPORT_NOT_ALLOWED,
        INVALID_REFERENCE,
    }
)


_OF_NAMES = frozenset({UNKNOWN_PROVIDER, UNKNOWN_ROTATOR})
"""They quote only the definition, though they come from outside of it."""

_OF_THE_READER = re.compile(r"^yaml: (line \d+: )?")

_LONGEST = 2_000
"""Characters of one error's message: names in it may be as long as a definition."""


def refusal(
    errors: Iterable[Diagnostic], imports: Imports, root: StoredDefinition, confidential: Collection[str] = ()
) -> Refused:
    """The message for the user: the first error with its place, and as many of the others as fit.

    A mistake in a definition is not retried: only a change corrects it, and a change is observed. Neither is a login
    that the namespace does not allow, nor a call that the environment does not trust."""
    # A limit comes first: other errors may only follow from it.
    first, *others = sorted(errors, key=lambda error: error.reason != LIMIT_EXCEEDED)
    reason, message = words(first, root, confidential)
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST - 1]}…"
    if others:
        message += f" (and {len(others)} more{_besides(others, root, confidential)})"
    retryable = all(error.cause is not None and error.reason not in _UNTIL_CHANGED for error in (first, *others))
    waits = [error.cause.retry_after for error in (first, *others) if error.cause and error.cause.retry_after]
    return Refused(
        reason=reason,
        message=message,
        retryable=retryable,
        retry_after=max(waits, default=None),
        outage=retryable and any(error.cause.outage for error in (first, *others) if error.cause),
        imports=imports,
    )


def _besides(others: Sequence[Diagnostic], root: StoredDefinition, confidential: Collection[str]) -> str:
    """The other errors, without their lines: some people can read only statuses."""
    shown: list[str] = []
    room = _LONGEST
    for error in others:
        is_whole = error.through or _is_confidential(error, root, confidential)
        text = words(error, root, confidential)[1] if is_whole else f"{place(error, root)}{error.text}"
        room -= len(text)
        if room < 0:
            return f": {'; '.join(shown)}; …" if shown else ", which do not fit here"
        shown.append(text)
    return f": {'; '.join(shown)}"


def words(finding: Diagnostic, root: StoredDefinition, confidential: Collection[str] = ()) -> tuple[str, str]:
    """Reason and message for the environment's owner. An environment that none of their own place imports is not named:
    the owner of its importer sees the error in full. For a text in a Secret, its own or that of an import among
    `confidential`, only the place of a mistake is named: a reader of the message may not be allowed to read the
    text."""
    reason = finding.reason or reasons.INVALID_DEFINITION
    if not finding.through:
        if _is_confidential(finding, root, confidential):
            return reason, _without_contents(finding, root, reason)
        return reason, _with_line(finding, root)
    importer = key_of(finding.through, "").describe()
    if reason == reasons.IMPORT_NOT_TRUSTED:  # it names the namespace that the owner may trust
        return reason, f"{importer}: in an environment that it imports: {finding.summary}"
    if reason in _OF_IMPORTS:
        return IMPORT_FAILED, f"{importer}: an environment that it imports cannot be loaded; {SEE_OWNER}"
    return reason, f"{importer}: an environment that it imports has an error ({reason}); {SEE_OWNER}"


def _is_confidential(finding: Diagnostic, root: StoredDefinition, confidential: Collection[str]) -> bool:
    """Whether an error quotes the text of a Secret. An answer of the outside world, to a definition that could be
    evaluated, is about the names in it, and is shown as for every other definition."""
    if finding.cause is not None and finding.reason not in _OF_NAMES:
        return False
    origin = _origin(finding, root)
    return origin in confidential if origin else root.is_confidential


def _origin(finding: Diagnostic, root: StoredDefinition) -> str:
    """The import whose definition it is about; "" for the environment's own."""
    if finding.environment:
        return finding.environment
    where = finding.range
    return where.environment if where is not None and where.environment != root.name else ""


def _without_contents(finding: Diagnostic, root: StoredDefinition, reason: str) -> str:
    """Where a mistake is, without the text there: no path, no name, no line."""
    found: Position | Excerpt | None = finding.range.begin if finding.range else None
    origin = _origin(finding, root)
    if found is None and not origin and reason == INVALID_YAML:
        found = excerpt(root.text or "", None)
    where = key_of(origin, "").describe() if origin else root.path_prefix
    at = f"line {found.line}, column {found.column}: " if found else ""
    see = f"see `esc open {origin or root.name}`"
    return f"{where}: {at}{reason}; details are left out because a Secret holds the text: {see}"


def status_warnings(
    found: Iterable[Diagnostic], root: StoredDefinition, confidential: Collection[str] = ()
) -> tuple[StatusWarning, ...]:
    """The warnings of an evaluation, for the environment's owner: the first of them, each once."""
    told = (make_warning(*_warning_words(finding, root, confidential)) for finding in found)
    return tuple(islice(dict.fromkeys(told), MAX_WARNINGS))


def _warning_words(finding: Diagnostic, root: StoredDefinition, confidential: Collection[str]) -> tuple[str, str]:
    reason = finding.reason or reasons.INVALID_DEFINITION
    if not finding.through:
        if _is_confidential(finding, root, confidential):
            return reason, _without_contents(finding, root, reason)
        return reason, f"{place(finding, root)}{finding.text}"
    importer = key_of(finding.through, "").describe()
    return reason, f"{importer}: an environment that it imports has a warning ({reason}); {SEE_OWNER}"


def _with_line(finding: Diagnostic, root: StoredDefinition) -> str:
    """Place, error, and its line; only a line of the environment's own text: an import shares values and not its
    text."""
    message = f"{place(finding, root)}{finding.text}"
    if root.text is None or _origin(finding, root) or (finding.range is None and finding.reason != INVALID_YAML):
        return message
    found = excerpt(root.text, finding.range.begin if finding.range else None)
    if found is None:
        return message
    if finding.range is None:
        # The line in the summary is the first of the construct that has the error.
        summary = _OF_THE_READER.sub("", finding.text)
        message = f"{root.path_prefix}: line {found.line}, column {found.column}: {summary}"
    advice = ": indent with spaces" if found.is_indented_by_tab else ""
    return f"{message}{advice}; the line is: {found.text}" if found.text else f"{message}{advice}"


def place(finding: Diagnostic, root: StoredDefinition) -> str:
    """Where it is, for people: the environment if that is an import, the line if there is a text, and the path."""
    where, imported = finding.range, _origin(finding, root)
    parts = [key_of(imported, "").describe()] if imported else []
    if root.text is not None and not imported:
        parts.append(root.path_prefix)
    if where is not None:
        parts.append(f"line {where.begin.line}, column {where.begin.column}")
    if finding.path:
        parts.append(finding.path)
    return "".join(f"{part}: " for part in parts)
