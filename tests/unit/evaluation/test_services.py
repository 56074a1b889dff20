"""An environment that a service evaluates takes part as a whole: as the root, and as an import."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from esc_operator.evaluation import (
    UNKNOWN_LOGIN,
    Evaluation,
    Evaluator,
    Failed,
    Lease,
    Login,
    Mode,
    Opened,
    OpenEnvironment,
    OpenRecord,
    Value,
)
from esc_operator.evaluation.plain import from_data
from esc_operator.evaluation.values import unknown
from esc_operator.lang.document import service_environment
from unit.evaluation.drive import World, drive, evaluate, revealed, summaries

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = Lease(NOW, NOW + timedelta(hours=1))


def value(data: Any) -> Value:
    return from_data(data, None, secret=False, deepest=20)


def world(data: Any, **more: Any) -> World:
    return World(services={"shop": Opened(value(data), secret=False, **more)})


def evaluate_root(seen: World, mode: Mode = Mode.OPEN) -> Evaluation:
    return drive(Evaluator(service_environment("shop", "spec.from", "cloud"), name="shop", mode=mode), seen)


def test_it_is_the_value_of_the_root() -> None:
    seen = world({"environmentVariables": {"A": "1"}}, lease=LEASE, organization="acme")
    found = evaluate_root(seen)
    assert revealed(found) == {"environmentVariables": {"A": "1"}}
    assert found.opens == (OpenRecord("spec.from", "shop", "cloud", LEASE, organization="acme"),)
    assert len(seen.asked) == 1


def test_importers_pick_by_path_and_override() -> None:
    seen = world({"db": {"user": "u", "password": "p"}, "n": 1})
    found = evaluate('imports: [shop]\nvalues: {user: "${db.user}", n: 2, x: "${imports.shop.n}"}', seen)
    assert revealed(found) == {"db": {"user": "u", "password": "p"}, "n": 2, "user": "u", "x": 1}
    assert found.imports == ("shop",)


def test_it_is_opened_once_for_all_that_import_it() -> None:
    seen = world({"n": 1}, lease=LEASE)
    seen.environments |= {"a": "imports: [shop]", "b": "imports: [shop]"}
    found = evaluate('imports: [a, b]\nvalues: {x: "${environments.default.shop.n}"}', seen)
    assert found.value is not None
    assert found.value.reveal()["n"] == 1
    assert len(seen.asked_for(OpenEnvironment)) <= 2  # `shop` and `default/shop` are two names in this world
    assert len([one for one in found.opens if one.environment == "shop"]) == 1


def test_what_is_secret_stays_secret_in_the_importer() -> None:
    secret = Value({"key": value("x").all_secret()}, None)
    found = evaluate('imports: [shop]\nvalues: {url: "http://${key}"}', World(services={"shop": Opened(secret)}))
    assert found.value is not None
    assert found.value.properties["url"].is_secret
    assert not found.value.is_secret


def test_a_check_opens_nothing_and_every_property_is_possible() -> None:
    seen = world({"n": 1})
    found = evaluate_root(seen, Mode.CHECK)
    assert found.ok
    assert found.value is not None
    assert found.value.is_unknown
    imported = evaluate('imports: [shop]\nvalues: {x: "${n.m}", own: 1}', seen, mode=Mode.CHECK)
    assert imported.ok, imported.diagnostics
    assert imported.value is not None
    assert imported.value.properties["x"].is_unknown
    assert not imported.value.properties["own"].is_unknown
    assert seen.asked_for(OpenEnvironment) == []


def test_a_failure_is_an_error_of_the_environment_that_has_the_source() -> None:
    failed = Failed("acme/shop is gone", "EnvironmentNotFound", retry_after=5)
    found = evaluate_root(World(services={"shop": failed}))
    assert summaries(found) == ["acme/shop is gone"]
    (error,) = found.diagnostics
    assert (error.reason, error.path, error.cause) == ("EnvironmentNotFound", "spec.from", failed)
    imported = evaluate("imports: [shop]", World(services={"shop": failed}))
    assert [one.environment for one in imported.diagnostics] == ["shop"]


def test_a_login_that_must_not_be_shown_is_hidden() -> None:
    hidden = evaluate_root(world({}, login=UNKNOWN_LOGIN)).opens[0]
    assert (hidden.login, hidden.hides_login, hidden.organization) == (None, True, "")
    login = Login("urn:pulumi:org:acme", "urn:pulumi:org:acme", gives_token=False)
    shown = evaluate_root(world({}, login=login, organization="acme")).opens[0]
    assert (shown.login, shown.hides_login, shown.organization) == (login, False, "acme")


def test_a_part_that_is_unknown_there_is_unknown_here() -> None:
    part = Value({"seen": value("s"), "unseen": unknown(None)}, None)
    found = evaluate('imports: [shop]\nvalues: {url: "x${unseen}"}', World(services={"shop": Opened(part)}))
    assert found.ok
    assert found.value is not None
    assert found.value.properties["url"].is_unknown
    assert not found.value.properties["seen"].is_unknown


@pytest.mark.parametrize("levels", [3, 150])
def test_a_value_that_is_too_deep_is_refused(levels: int) -> None:
    deep: Any = "x"
    for _ in range(levels):
        deep = {"a": deep}
    found = evaluate_root(World(services={"shop": Opened(from_data(deep, None, secret=False, deepest=200))}))
    assert found.ok is (levels == 3)
