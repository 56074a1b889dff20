"""Environments of any size that the API server takes: what is kept of them, and what their authors are told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from esc_operator.handlers.trimming import TEXT, take_text, trim
from esc_operator.reconciliation.controller.event_handlers import PENDING_BYTES
from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.environment import LONGEST_REQUEST, parse_environment
from esc_operator.resources.extent import LARGEST_ENVIRONMENT, LARGEST_KEPT, LEFT_OUT, refuse_size, without_definition
from esc_operator.stores.port import Failed, StoredDefinition
from unit.reconciliation.fake_api import FakeApi
from unit.reconciliation.world import World, key, play, static

TOO_LARGE = "x" * LARGEST_ENVIRONMENT
LARGE = "x" * (2 * LARGEST_KEPT)


def of_size(text: str, **spec: Any) -> dict[str, Any]:
    made = static(A="1")
    made["environment"]["values"]["unused"] = text
    return {**made, **spec}


def test_one_that_is_too_large_is_refused_with_its_size_the_limit_and_what_to_do() -> None:
    async def story(world: World) -> None:
        async with world.operator():
            world.api.put_environment("big", of_size(TOO_LARGE))
            await world.settle()
            told = world.condition("big")
            assert (told["status"], told["reason"]) == ("False", "LimitExceeded")
            size = len(json.dumps(world.api.environment("big")))
            assert "the environment has 1,04" in told["message"]
            assert "at most 1,048,576 are allowed" in told["message"]
            assert "split it into several environments and import them" in told["message"]
            assert size > LARGEST_ENVIRONMENT
            assert world.api.secret("big") is None
            world.api.put_environment("big", of_size("x"))
            await world.settle()
            assert world.condition("big")["status"] == "True"

    play(story)


def test_one_that_became_too_large_keeps_its_secret() -> None:
    async def story(world: World) -> None:
        async with world.operator():
            world.api.put_environment("big", of_size("x"))
            await world.settle()
            held = world.api.secret("big")
            world.api.put_environment("big", of_size(TOO_LARGE))
            await world.settle()
            assert world.api.secret("big") == held
            assert world.condition("big", "Refreshed")["reason"] == "LimitExceeded"

    play(story)


def test_one_that_is_large_is_served_and_read_only_when_its_turn_comes() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            world.workers_hang = True
            for number in range(20):
                world.api.put_environment(f"big-{number}", of_size(LARGE))
            assert reconciler.event_handlers._pending_bytes == 0
            world.workers_hang = False
            await world.settle()
            assert all(world.condition(f"big-{number}")["status"] == "True" for number in range(20))

    play(story)


def test_one_that_is_suspended_or_too_large_is_not_read_for_that() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            world.api.on_environment = lambda _kind, _body: None
            for name, spec, size in (
                ("suspended", {"suspend": True}, LARGEST_KEPT + 1),
                ("big", {}, LARGEST_ENVIRONMENT + 1),
            ):
                world.api.put_environment(name, static(A="1") | spec)
                body = without_definition(world.api.environment(name), size)
                reconciler.event_handlers.on_environment(body, deleted=False, text=json.dumps(body))
            await world.settle()
            assert world.condition("suspended")["reason"] == "Suspended"
            assert world.condition("big")["reason"] == "LimitExceeded"
            assert not [call for call in world.api.calls if call[:2] == ("read", "escenvironments")]

    play(story)


def test_the_texts_of_those_that_wait_are_kept_up_to_so_many_bytes() -> None:
    async def story(world: World) -> None:
        async with world.operator() as reconciler:
            body = {"metadata": {"namespace": "apps", "uid": "u", "resourceVersion": "1", "generation": 1}, "spec": {}}
            event_handlers = reconciler.event_handlers
            text = " " * LARGEST_KEPT
            for number in range(PENDING_BYTES // LARGEST_KEPT + 50):
                named = {**body, "metadata": {**body["metadata"], "name": f"env-{number}"}}
                event_handlers.on_environment(named, deleted=False, text=text)
                event_handlers.on_environment(named, deleted=False, text=text)  # it takes the place of the one before
            assert event_handlers._pending_bytes == PENDING_BYTES
            kept = [event_handlers.take(key(f"env-{number}")) for number in range(PENDING_BYTES // LARGEST_KEPT + 50)]
            assert sum(not one.text for one in kept if one) == 50
            assert all(one.size == LARGEST_KEPT for one in kept if one)
            assert event_handlers._pending_bytes == 0

    play(story)


def load(api: FakeApi, *names: str) -> list[StoredDefinition | Failed]:
    """What an evaluation of an environment in `apps` gets of its imports."""

    async def run() -> list[StoredDefinition | Failed]:
        store = ImportStore(api, "apps")
        return list(await asyncio.gather(*(store.load(name, "apps/importer") for name in names)))

    return asyncio.run(run())


def test_an_import_that_is_too_large_is_reported_only_to_those_it_is_shared_with() -> None:
    api = FakeApi()
    api.put_environment("big", of_size(TOO_LARGE), "other")
    (hidden,) = load(api, "other/big")
    (absent,) = load(api, "other/none")
    assert isinstance(hidden, Failed)
    assert isinstance(absent, Failed)
    assert (hidden.message.replace("big", "none"), hidden.reason) == (absent.message, absent.reason)
    api.put_environment("big", of_size(TOO_LARGE, sharing={"namespaces": ["apps"]}), "other")
    (told,) = load(api, "other/big")
    assert isinstance(told, Failed)
    assert told.reason == "LimitExceeded"
    assert 'EscEnvironment "other/big" cannot be imported: the environment has 1,04' in told.message


def test_what_an_evaluation_imports_is_bounded_as_a_whole() -> None:
    api, names = FakeApi(), [f"big-{number}" for number in range(5)]
    for name in names:
        api.put_environment(name, of_size("x" * (LARGEST_ENVIRONMENT - 1000)))
    *found, last = load(api, *names)
    assert all(isinstance(one, StoredDefinition) for one in found)
    assert isinstance(last, Failed)
    assert last.reason == "LimitExceeded"
    assert "more than 4,194,304 bytes of JSON together" in last.message
    assert "import fewer or smaller ones" in last.message


BODY = {
    "apiVersion": "esc-operator.dev/v1alpha1",
    "kind": "EscEnvironment",
    "metadata": {
        "name": "big",
        "namespace": "apps",
        "uid": "u",
        "resourceVersion": "7",
        "generation": 3,
        "annotations": {ROTATE_REQUESTED_AT: "now", "other": LARGE},
        "managedFields": [{"fieldsV1": {"f:spec": LARGE}}],
        "labels": {"a": "b"},
    },
    "spec": {
        "environment": {"values": {"a": LARGE}},
        "suspend": True,
        "target": {"name": "t", "annotations": {"x": LARGE}},
        "sharing": {"namespaces": ["blue"]},
    },
    "status": {"observedGeneration": 2},
}


def test_without_its_definition_it_is_small_and_tells_all_else() -> None:
    short = without_definition(BODY, 123_456)
    assert len(json.dumps(short)) < 1000
    seen, whole = parse_environment(short), parse_environment(BODY)
    assert (seen.key, seen.uid, seen.generation, seen.suspend) == (whole.key, whole.uid, whole.generation, True)
    assert (seen.target.name, seen.rotate_request, seen.too_large) == ("t", whole.rotate_request, "")
    assert refuse_size({**short, LEFT_OUT: LARGEST_ENVIRONMENT}) == ""
    assert parse_environment({**short, LEFT_OUT: LARGEST_ENVIRONMENT + 1}).too_large


def test_what_is_passed_on_of_an_event_is_small_whatever_came() -> None:
    for body in (BODY, {**BODY, "spec": {}, "metadata": {"name": "a", "annotations": {"other": LARGE}}}):
        trimmed = trim(body, json.dumps(body), LARGEST_KEPT)
        assert len(json.dumps(trimmed)) < 2000
        assert json.loads(take_text(trimmed))[LEFT_OUT] == len(json.dumps(body))
        assert TEXT not in trimmed
    small = {"metadata": {"name": "a"}, "spec": {"b": 1}}
    assert json.loads(trim(small, json.dumps(small), LARGEST_KEPT)[TEXT]) == small


def test_a_request_for_new_credentials_may_be_of_any_length_and_takes_little() -> None:
    def asked(value: str) -> str:
        metadata = {**BODY["metadata"], "annotations": {ROTATE_REQUESTED_AT: value}}  # type: ignore[dict-item]
        return parse_environment({**BODY, "metadata": metadata}).rotate_request.annotation

    assert asked("now") == "now"
    assert len(asked("x" * 200_000)) <= LONGEST_REQUEST
    assert asked("x" * 200_000) != asked("x" * 200_001)
