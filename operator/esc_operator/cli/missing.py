"""The end of the message for a path at which an environment has no value. Never names the properties of a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.formats.paths import join_path
from esc_operator.formats.spelling import Known, Speller

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from esc_operator.evaluation.values import Value


def describe_missing(environment: Value, keys: Sequence[str | int]) -> str:
    """The end of a message about the path: what was probably meant, or what there is instead, from the semicolon on."""
    reached = next(count for count in range(len(keys) - 1, -1, -1) if environment.lookup(keys[:count]) is not None)
    parent = environment.lookup(keys[:reached])
    assert parent is not None  # noqa: S101  (the environment itself is there)
    path, key = join_path(keys[:reached]), keys[reached]
    if parent.is_array:
        return f"; {path} is a list of {len(parent.elements)} elements, counted from 0"
    if not parent.is_object:
        return f"; {path} is a {parent.json_type}, and has no properties"
    known = _nameable(parent)
    speller = Speller()
    if (meant := speller.meant(str(key), known)) is not None:
        whole = (*keys[:reached], meant, *keys[reached + 1 :])
        found = whole if environment.lookup(whole) is not None else whole[: reached + 1]
        return f"; did you mean {join_path(found)}?"
    listed = speller.listed(Known(known, f"the properties of {path} are" if path else "the properties are"))
    return f"; {listed}" if listed else ""


def _nameable(value: Value) -> Collection[str]:
    """The properties of an object that a message may name: of a secret only those of its provider's schema."""
    if not value.is_secret:
        return value.properties
    from esc_operator.driver.catalogue import Catalogue
    from esc_operator.evaluation import Described
    from esc_operator.lang.declarations import Call

    call = value.definition
    if not isinstance(call, Call) or call.provider is None:
        return ()
    catalogue = Catalogue()
    describe = catalogue.describe_provider if call.builtin == "fn::open" else catalogue.describe_rotator
    described = describe(call.provider)
    return described.outputs.properties.keys() & value.properties if isinstance(described, Described) else ()
