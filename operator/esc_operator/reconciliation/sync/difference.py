"""How a Secret differs from what the operator writes, and the patch that undoes it. Names only, never a value. Pure.

In a Secret of ours all data is ours; of its metadata, everything that we write, and all names with our domain. The rest
belongs to others, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.formats.phrases import first_of, printable
from esc_operator.resources import GROUP
from esc_operator.resources.field_managers import ANNOTATIONS, DATA, LABELS, STRING_DATA, other_managers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMED = 5
"""How many names a message lists."""
LONGEST_SHOWN = 64
"""Characters of a name that another writer has chosen."""

_PREFIX = f"{GROUP}/"
_PARTS = {"labels": ("label", LABELS), "annotations": ("annotation", ANNOTATIONS)}


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was written: `keys` of data, and `fields` of the rest, as in messages. `managers` are the field
    managers of these; empty if none is recorded."""

    keys: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()

    def describe(self) -> str:
        """What was changed, for people: `key "EXTRA", label "team"`."""
        return first_of([*(f"key {_shown(key)}" for key in self.keys), *self.fields], NAMED)

    def describe_managers(self) -> str:
        """The managers, for people; "" if none is known."""
        names = first_of(self.managers, NAMED, _shown)
        return names and f"field manager{'s' if len(self.managers) > 1 else ''} {names}"


def compare(found: Mapping[str, Any], wanted: Mapping[str, Any], keys: Iterable[str]) -> Difference | None:
    """How a Secret, as the API server has it, differs from the `wanted` metadata and type; None if it does not. `keys`
    are those of its data that are known to differ."""
    metadata, wanted_metadata = found["metadata"], wanted["metadata"]
    keys, fields, managers = tuple(sorted(keys)), list[str](), set[str]()
    managers |= other_managers(metadata, frozenset(keys), *DATA) | other_managers(
        metadata, frozenset(keys), *STRING_DATA
    )
    for part, (word, path) in _PARTS.items():
        names = _changed(metadata.get(part) or {}, wanted_metadata.get(part) or {})
        fields += [f"{word} {_shown(name)}" for name in sorted(names)]
        managers |= other_managers(metadata, frozenset(names), *path)
    if _owners_differ(metadata, wanted_metadata):
        fields.append("ownerReferences")
    if found.get("type") != wanted["type"]:
        fields.append("type")
    return Difference(keys, tuple(fields), tuple(sorted(managers))) if keys or fields else None


def changed_keys(found: Mapping[str, str], wanted: Mapping[str, str]) -> frozenset[str]:
    """The keys of data that are not the same in both."""
    return frozenset(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))


def excess(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """A merge patch that removes what is ours, is not desired, and was left by server-side apply, because another field
    manager has set it too; None if there is nothing. It applies only to the version that was found."""
    metadata: dict[str, Any] = {}
    for part in _PARTS:
        ours = (name for name in found["metadata"].get(part) or {} if name.startswith(_PREFIX))
        if surplus := set(ours) - set(wanted["metadata"].get(part) or {}):
            metadata[part] = dict.fromkeys(sorted(surplus))
    if surplus_owners := _surplus_owners(found["metadata"], wanted["metadata"]):
        kept = [one for one in found["metadata"]["ownerReferences"] if one["uid"] not in surplus_owners]
        metadata["ownerReferences"] = kept
    surplus = set(found.get("data") or {}) - set(wanted["data"])
    if not metadata and not surplus:
        return None
    metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
    return {"metadata": metadata, **({"data": dict.fromkeys(sorted(surplus))} if surplus else {})}


def former_fields(shared: Iterable[tuple[str, str]], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metadata of a merge patch that removes labels and annotations which are ours and another manager's (each with
    its part of the metadata), and no longer desired; None if there are none."""
    former: dict[str, Any] = {}
    for part, name in shared:
        if name not in (wanted["metadata"].get(part) or {}):
            former.setdefault(part, {})[name] = None
    return former or None


def _changed(found: Mapping[str, str], wanted: Mapping[str, str]) -> set[str]:
    """The names that are desired with another value, or have our domain and are not desired at all."""
    surplus = {name for name in found if name.startswith(_PREFIX) and name not in wanted}
    return surplus | {name for name, value in wanted.items() if found.get(name) != value}


def _owners_differ(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    owners = {one["uid"]: one for one in found.get("ownerReferences") or ()}
    missing = any(not one.items() <= owners.get(one["uid"], {}).items() for one in wanted.get("ownerReferences") or ())
    return missing or bool(_surplus_owners(found, wanted))


def _surplus_owners(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> set[str]:
    """The UIDs of owners of our kinds that are not desired: only the operator makes environments owners."""
    ours = {one["uid"] for one in found.get("ownerReferences") or () if one["apiVersion"].startswith(_PREFIX)}
    return ours - {one["uid"] for one in wanted.get("ownerReferences") or ()}


def _shown(name: str) -> str:
    """A name that another writer chose, shown so that it cannot pass for anything but a name."""
    plain = printable(name).replace('"', "?")
    return f'"{plain}"' if len(plain) <= LONGEST_SHOWN else f'"{plain[: LONGEST_SHOWN - 1]}…"'
