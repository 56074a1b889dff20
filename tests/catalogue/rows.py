"""From what was tried to the rows of the table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.testing.public_schemas import PROVIDERS, ROTATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from catalogue.trying import Tried

COLUMNS: Final = (
    "kind",
    "name",
    "counterpart",
    "schema",
    "happy path",
    "lease",
    "failures",
    "answers",
    "timeout",
    "redaction",
    "fence",
    "brings",
)

INEXPRESSIBLE: Final[Mapping[tuple[str, str], str]] = {
    ("provider", "debug-oidc-claims"): "not expressible: a cluster's token has no attributes of Pulumi Cloud to show; "
    "its claims are those of the ServiceAccount",
}
"""What is in the catalogue and cannot be had with the identity of a cluster."""


class Row(NamedTuple):
    """A line of the table, by column; a plug-in that is not there has a `note` instead."""

    kind: str
    name: str
    cells: Mapping[str, str]
    note: str = ""


def rows(tried: Sequence[Tried], brought: Callable[[str, str], str], *, whole: bool = True) -> list[Row]:
    """A row for everything in the catalogue (if `whole`), and for everything that was tried."""
    found: dict[tuple[str, str], list[Tried]] = {}
    for one in tried:
        found.setdefault(_key(one), []).append(one)
    catalogue = [("provider", name) for name in PROVIDERS] + [("rotator", name) for name in ROTATORS]
    keys = [*catalogue, *INEXPRESSIBLE] if whole else []
    keys += [key for key in found if key not in keys]
    return [_row(key, found.get(key, ()), brought) for key in sorted(keys)]


def messages(tried: Iterable[Tried]) -> dict[str, list[str]]:
    """What a user reads for each failure, by plug-in: the case, the reason and the message."""
    found: dict[str, list[str]] = {}
    for one in tried:
        lines = [f"{seen.case} → {seen.reason}: {seen.message}" for seen in one.seen if seen.reason]
        kind, name = _key(one)
        title = f" ({one.check.trial.title})" if one.check.trial.title else ""
        found.setdefault(f"{kind} {name}{title}", []).extend(lines)
    return {name: list(dict.fromkeys(lines)) for name, lines in found.items() if lines}


def _row(key: tuple[str, str], tried: Sequence[Tried], brought: Callable[[str, str], str]) -> Row:
    kind, name = key
    if not tried:
        return Row(kind, name, {}, "not expressible, see below" if key in INEXPRESSIBLE else "not there yet")
    cells = {
        "counterpart": next(
            (one.check.trial.counterpart for one in tried if one.check.trial.counterpart), "answers of the trial"
        ),
        "schema": _schema(tried, is_public=name in (PROVIDERS if kind == "provider" else ROTATORS)),
        "happy path": _passed(tried, "happy path"),
        "lease": _lease(tried),
        "failures": _counted(tried, "failure"),
        "answers": _counted(tried, "answers"),
        "timeout": _passed(tried, "timeout", "cancellation"),
        "redaction": _passed(tried, "redaction"),
        "fence": _passed(tried, "fence"),
        "brings": brought(kind, name),
    }
    return Row(kind, name, cells)


def _key(one: Tried) -> tuple[str, str]:
    plugin = one.check.trial.plugin()
    return "rotator" if hasattr(plugin, "rotate") else "provider", plugin.name


def _of(tried: Sequence[Tried], *kinds: str) -> list[Tried]:
    return [one for one in tried if one.check.kind in kinds]


def _passed(tried: Sequence[Tried], *kinds: str) -> str:
    own = _of(tried, *kinds)
    failed = sum(bool(one.error) for one in own)
    if not own:
        return "-"
    return f"{failed} of {len(own)} FAILED" if failed else "yes"


def _counted(tried: Sequence[Tried], kind: str) -> str:
    """How many cases were tried, each with its reason and message."""
    own = _of(tried, kind)
    failed = sum(bool(one.error) for one in own)
    if failed:
        return f"{failed} of {len(own)} FAILED"
    many = len({(seen.case, one.check.trial.title) for one in own for seen in one.seen if seen.reason})
    return f"{many} told" if many else "-"


def _schema(tried: Sequence[Tried], *, is_public: bool) -> str:
    if (passed := _passed(tried, "schema")) != "yes":
        return passed
    if not is_public:
        return "ours"
    cases = [seen.case for one in _of(tried, "schema") for seen in one.seen]
    added = sum(
        len(seen.message.split(", ")) for one in _of(tried, "schema") for seen in one.seen if seen.case == "added"
    )
    differing = sum(case.startswith("differs at ") for case in cases)
    return (
        "equal" + (f", {differing} differ with a reason" if differing else "") + (f", {added} added" if added else "")
    )


def _lease(tried: Sequence[Tried]) -> str:
    own = _of(tried, "lease")
    if any(one.error for one in own):
        return _passed(tried, "lease")
    lengths = {
        seen.message.partition(":")[0] if seen.message.startswith("none") else seen.message
        for one in own
        for seen in one.seen
        if seen.case == "lease"
    }
    return " or ".join(sorted(lengths))
