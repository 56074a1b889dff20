"""What an environment seems to export and does not, or not for every reader. Pure.

Names places and names, never values; a name that was read from a secret is not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.formats.paths import join_key
from esc_operator.formats.spelling import Speller
from esc_operator.lang.diagnostics import Diagnostic, Severity
from esc_operator.lang.document import EXPORTS
from esc_operator.projection.secret import bad_name
from esc_operator.projection.variables import FILES, VARIABLES, Variable, hides_names, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.diagnostics import Diagnostics

NOT_EXPORTED: Final = "NotExported"
"""Something below `environmentVariables` or `files` is left out, or stands under a name that only resembles these."""

NOT_FOR_SHELLS: Final = "NotForShells"
"""Containers get the variable, but no shell can read it."""

NAMED: Final = 8
"""How many names a message repeats."""

_KINDS: Final[Mapping[str, str]] = {
    "array": "a list",
    "boolean": "a boolean",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}
_SLIPS: Final = 2
"""How many letters of a long name may be wrong."""


def find_leftovers(environment: Value, *, opened: bool) -> Diagnostics:
    """Warnings about an environment, in the order of its places. Unless it was `opened`, values may be unknown."""
    return tuple(_find(environment, opened=opened))


def _find(environment: Value, *, opened: bool) -> Iterator[Diagnostic]:
    for group in EXPORTS:
        if (value := environment.properties.get(group)) is not None:
            yield from _of_group(environment, group, value, opened=opened)
    yield from _of_names(environment)


def _of_group(environment: Value, name: str, group: Value, *, opened: bool) -> Iterator[Diagnostic]:
    if not group.is_object:
        empties = group.json_type == "null" and not any(base.properties for base in group.bases)
        if not (group.is_unknown or empties):
            kind = _KINDS[group.json_type]
            summary = f'"{name}" is {kind}, and so nothing in it is exported: write an object of names and texts'
            yield _warning(environment, name, group, summary, NOT_EXPORTED)
        return
    hides = hides_names(group)
    left_out = [
        (part, "unknown" if value.is_unknown else _KINDS[value.json_type] + _origin(environment, value))
        for part, value in group.properties.items()
        if _has_parts(value) or (opened and value.is_unknown)
    ]
    left_out.sort()
    if left_out:
        which = _listed([f"{_name(part, hides)} ({what})" for part, what in left_out])
        kind = "a file" if name == FILES else "a variable"
        summary = (
            f"{which} {'is' if len(left_out) == 1 else 'are'} left out, because {kind} is a text: "
            "use fn::toJSON, or export the parts"
        )
        first = group.properties[left_out[0][0]]
        yield _warning(environment, name, first if first.definition else group, summary, NOT_EXPORTED)
    if name == VARIABLES and not hides:
        yield from _for_shells(environment, group)


def _for_shells(environment: Value, group: Value) -> Iterator[Diagnostic]:
    """Files are read under their names; variables, by `$NAME`. A name that is invalid everywhere is reported as an
    error elsewhere."""
    odd = (name for name, value in group.properties.items() if not (_is_shell_name(name) or _has_parts(value)))
    names = sorted(name for name in odd if bad_name(Variable(name, "")) is None)
    if names:
        summary = (
            f"no shell can read {_listed([_name(name, hides=False) for name in names])}: containers get the variable, "
            'and a shell drops it; use letters, digits and "_", and do not start with a digit'
        )
        yield _warning(environment, VARIABLES, group.properties[names[0]], summary, NOT_FOR_SHELLS)


def _has_parts(value: Value) -> bool:
    return value.is_array or value.is_object


def _is_shell_name(name: str) -> bool:
    return name.isidentifier() and name.isascii()


def _of_names(environment: Value) -> Iterator[Diagnostic]:
    """Names that only resemble those whose parts are exported. All other names are fine."""
    speller = Speller()
    groups = ((name, value) for name, value in environment.properties.items() if value.is_object)
    for name, value in sorted(groups, key=lambda one: one[0]):
        if name in EXPORTS:
            continue
        if meant := _resembled(name, speller):
            origin = "" if _is_own(environment, value) else " (from an import)"
            summary = f'nothing below "{shown(name)}"{origin} is exported, because that has to be called "{meant}": '
            summary += "rename it"
            yield _warning(environment, name, value, summary, NOT_EXPORTED)


def _resembled(name: str, speller: Speller) -> str:
    folded = name.casefold().replace("_", "").replace("-", "")
    for export in EXPORTS:
        if folded == export.casefold():
            return export
    # `file` or `filter` may be meant; a name that is two letters from the other one is always a slip.
    is_near = abs(len(folded) - len(VARIABLES)) <= _SLIPS and speller.distance(folded, VARIABLES.casefold()) <= _SLIPS
    return VARIABLES if is_near else ""


def _origin(environment: Value, value: Value) -> str:
    """A note on what comes from an import. It does not say from which one: the importer may not be allowed to know."""
    return "" if _is_own(environment, value) else ", from an import"


def _is_own(environment: Value, value: Value) -> bool:
    own, other = environment.definition, value.definition
    return own is None or other is None or own.node.source.name == other.node.source.name


def _name(name: str, hides: bool) -> str:
    return "(a name from a secret)" if hides else f'"{shown(name)}"'


def _listed(names: Sequence[str]) -> str:
    """The first of them, for a sentence."""
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _warning(environment: Value, name: str, value: Value, summary: str, reason: str) -> Diagnostic:
    """About what stands below `values` under that name; `value` is where to look in a text."""
    root = environment.definition.path if environment.definition else "values"
    where = value.definition.range if value.definition and _is_own(environment, value) else None
    return Diagnostic(Severity.WARNING, summary, join_key(root, name), where, reason)
