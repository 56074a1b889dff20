"""An import opens providers for its importer only where the importer trusts its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator import api
from esc_operator.evaluation import Opened, Rotated
from esc_operator.stores.port import Failed, StoredDefinition
from unit.driver.test_admission import Caller
from unit.driver.test_opener import opener as opener_with

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from esc_operator.api import Result
    from esc_operator.providers.port import OpenContext


class Handing:
    """A provider and a rotator that hand on what they are given, and note it."""

    name = "hand"
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}
    state: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.given: list[Any] = []

    async def open(self, inputs: Any, *context: OpenContext) -> Opened:
        self.given.append(inputs)
        return Opened(inputs)

    async def rotate(self, inputs: Any, state: Any, context: OpenContext) -> Rotated:
        raise AssertionError("nothing rotates here")


class Shelf:
    """Definitions by full name, shared with everybody."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions

    async def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        return StoredDefinition(name, definition=self.definitions[name])


def opened(
    definition: Mapping[str, Any],
    imported: Mapping[str, Any],
    trusted: Collection[str] | None = (),
    handing: Handing | None = None,
) -> Result:
    async def go() -> Result:
        plugin: Any = handing or Handing()
        opener = opener_with(plugin)
        trusts = None if trusted is None else frozenset(trusted)
        root = StoredDefinition("blue/app", definition=definition, trusted=trusts)
        return await api.open_environment(root, Shelf(imported), opener, Caller())

    return asyncio.run(go())


LIB = {"values": {"given": {"fn::open::hand": {"a": 1}}, "harmless": 2}}
ROTATOR = {"values": {"given": {"fn::rotate::hand": {"inputs": {"a": 1}, "state": {"b": 2}}}}}
CLUSTER = "ClusterEscEnvironment"


@pytest.mark.parametrize("lib", [LIB, ROTATOR])
@pytest.mark.parametrize("merge", [True, False])
def test_a_call_of_another_namespaces_definition_is_refused_before_anybody_is_asked(lib: Any, merge: bool) -> None:
    handing = Handing()
    (error,) = opened({"imports": [{"red/lib": {"merge": merge}}]}, {"red/lib": lib}, (), handing).errors
    assert (error.reason, error.environment, error.path) == ("ImportNotTrusted", "red/lib", "values.given")
    assert error.summary == (
        'a definition of namespace "red" calls "hand", and blue/app does not trust that namespace to act as its '
        'ServiceAccount: add "red" to its spec.trustedNamespaces if it should, else import nothing that opens '
        "providers"
    )
    assert handing.given == []


@pytest.mark.parametrize("lib", [LIB, ROTATOR])
def test_the_importer_may_trust_a_namespace(lib: Any) -> None:
    assert opened({"imports": ["red/lib"]}, {"red/lib": lib}, ["red"]).ok
    assert not opened({"imports": ["red/lib"]}, {"red/lib": lib}, ["green"]).ok


@pytest.mark.parametrize("middle", ["blue/x", "green/x", f"{CLUSTER}/x"])
def test_the_namespace_of_the_call_counts_however_deep_it_stands_and_only_the_root_decides(middle: str) -> None:
    imported = {middle: {"imports": ["red/lib"]}, "red/lib": LIB}
    (error,) = opened({"imports": [middle]}, imported, ["green"]).errors
    assert (error.reason, error.environment) == ("ImportNotTrusted", "red/lib")
    assert opened({"imports": [middle]}, imported, ["red"]).ok


@pytest.mark.parametrize("imported", ["blue/lib", f"{CLUSTER}/lib"])
def test_the_own_namespace_and_administrators_need_not_be_trusted(imported: str) -> None:
    assert opened({"imports": [imported]}, {imported: LIB}).ok


def test_a_store_without_that_fence_has_none() -> None:
    assert opened({"imports": ["red/lib"]}, {"red/lib": LIB}, None).ok


def test_a_call_of_the_importers_own_may_take_its_inputs_from_anybody() -> None:
    handing = Handing()
    definition = {"imports": ["red/lib"], "values": {"mine": {"fn::open::hand": "${inputs}"}}}
    assert opened(definition, {"red/lib": {"values": {"inputs": {"a": 1}}}}, (), handing).ok
    assert handing.given == [{"a": 1}]


def test_what_an_import_overrides_in_vain_is_still_its_call() -> None:
    definition = {"imports": ["red/lib"], "values": {"given": "mine"}}
    assert [error.reason for error in opened(definition, {"red/lib": LIB}).errors] == ["ImportNotTrusted"]
