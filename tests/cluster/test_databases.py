"""Rotated passwords of real databases on a real API server: what pods hold works before and after each rotation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.harness import Tenant, wait_until
from esc_operator.kube.paths import ROTATIONS
from esc_operator.resources.sync_record import parse_sync_record
from local.databases import PASSWORD, Database, in_mariadb, in_postgres
from local_cluster import places
from local_mariadb import LocalMariaDb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_operator import LocalOperator

ENGINES = ("postgres", "mysql")


@pytest.fixture(scope="module")
def mariadb() -> Iterator[LocalMariaDb]:
    with LocalMariaDb() as server:
        yield server


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "postgres":
        return in_postgres(request.getfixturevalue("postgres"))
    return in_mariadb(request.getfixturevalue("mariadb"))


def rotating(database: Database, **inputs: Any) -> dict[str, Any]:
    return {
        "values": {
            "db": {f"fn::rotate::{database.engine}": {"inputs": database.inputs(**inputs)}},
            "environmentVariables": {"DB_USER": "${db.current.username}", "DB_PASSWORD": "${db.current.password}"},
        }
    }


def place(database: Database) -> str:
    return f"{database.engine}://127.0.0.1:{database.port}"


def works(database: Database, values: dict[str, str]) -> bool:
    return database.admits(values["DB_USER"], values["DB_PASSWORD"])


def request(tenant: Tenant, value: str) -> None:
    tenant.annotate("db", annotations={"esc-operator.dev/rotate-requested-at": value})


def rotated(tenant: Tenant, value: str) -> dict[str, str]:
    """The Secret's values once it honours the request."""

    def is_honoured() -> bool:
        secret = tenant.secret("db")
        record = parse_sync_record(secret["metadata"]["annotations"]) if secret else None
        return record is not None and record.rotate_request == value

    wait_until(is_honoured, "the rotation is honoured", lambda: tenant.status("db"))
    return tenant.values("db")


def test_two_users_alternate_and_what_pods_hold_works_before_and_after(
    tenant: Tenant, database: Database, operator: LocalOperator
) -> None:
    tenant.apply("db", rotating(database))
    assert "rotate this environment" in tenant.until_refused("db", "NotRotated")
    request(tenant, "first")
    message = tenant.until_refused("db", "URLNotAllowed")
    assert f"{place(database)} is not allowed: it is not at a public address" in message
    assert f"with the pattern {place(database)}" in message
    tenant.allow(urls=place(database))
    request(tenant, "second")
    seen = [rotated(tenant, "second")]
    assert seen[0]["DB_USER"] == database.users[0]
    assert works(database, seen[0])
    request(tenant, "third")
    seen.append(rotated(tenant, "third"))
    assert seen[1]["DB_USER"] == database.users[1]
    assert all(works(database, values) for values in seen), "pods still hold the user before"
    # All of them at once, as after a leak.
    body = {"apiVersion": "esc-operator.dev/v1alpha1", "kind": "EscRotation", "metadata": {"generateName": "db-"}}
    spec = {"selector": {"provider": database.engine, "namespaces": [tenant.namespace]}}
    name = tenant.cluster.must("POST", ROTATIONS.path(), {**body, "spec": spec})["metadata"]["name"]
    path = ROTATIONS.path(None, name)

    def status() -> dict[str, Any]:
        found: dict[str, Any] = tenant.cluster.must("GET", path).get("status") or {}
        return found

    wait_until(lambda: status().get("phase") == "Succeeded", "it is rotated", status)
    tenant.cluster.must("DELETE", path)
    seen.append(tenant.values("db"))
    assert works(database, seen[2])
    assert works(database, seen[1])
    assert seen[2]["DB_USER"] == seen[0]["DB_USER"]
    assert not works(database, seen[0])
    told = json.dumps([tenant.environment("db"), tenant.events("db")]) + operator.log.read_text()
    assert not [values for values in seen if values["DB_PASSWORD"] in told]
    assert PASSWORD not in operator.log.read_text()


def test_an_operator_that_is_killed_goes_on_with_the_password_that_it_had_intended(
    tenant: Tenant, database: Database, operator: LocalOperator
) -> None:
    tenant.allow(urls=place(database))
    tenant.apply("db", rotating(database))
    for value in ("first", "second"):
        request(tenant, value)
        before = rotated(tenant, value)
    # The database does not let the operator in, so the intention is there, and nothing is changed.
    tenant.apply("db", rotating(database, managingUser={"username": database.manager, "password": "a-wrong-one"}))
    request(tenant, "third")

    def refreshed() -> dict[str, Any]:
        return tenant.condition("db", "Refreshed")

    wait_until(lambda: refreshed()["reason"] == "DatabaseLoginRefused", "it is refused", refreshed)
    assert "check its name and its password" in refreshed()["message"]
    assert tenant.values("db") == before
    assert works(database, before)
    operator.kill()
    operator.start()
    tenant.apply("db", rotating(database))
    after = rotated(tenant, "third")
    assert works(database, after)
    assert works(database, before)


def test_the_example_works_with_a_database_that_is_here(tenant: Tenant, request: pytest.FixtureRequest) -> None:
    database = in_postgres(request.getfixturevalue("postgres"))
    text = (places.REPOSITORY / "deploy" / "examples" / "databases.yaml").read_text()
    assert "allowed-urls=postgres://orders-db.data.svc:5432" in text
    environment, _ = yaml.safe_load_all(text)
    definition = environment["spec"]["environment"]
    inputs = definition["values"]["orders"]["fn::rotate::postgres"]["inputs"]
    mine = database.inputs()
    inputs["database"].update(mine["database"])
    inputs["rotateUsers"] = mine["rotateUsers"]
    tenant.allow(urls=place(database))
    tenant.apply("db", definition)
    tenant.annotate("db", annotations={"esc-operator.dev/rotate-requested-at": "first"})
    values = rotated(tenant, "first")
    assert database.admits(values["PGUSER"], values["PGPASSWORD"])
    assert values["PGDATABASE"] == "orders"
