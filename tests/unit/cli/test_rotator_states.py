from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError
from esc_operator.resources import ENVIRONMENT, HOLDS, MANAGED_BY, MANAGED_BY_LABEL, ROTATOR_STATES
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from unit.cli.machine import Esc

USER = "arn:aws:iam::123456789012:user/legacy"


def key(name: str) -> dict[str, str]:
    return {"accessKeyId": name, "secretAccessKey": f"secret-of-{name}"}


def keeping(state: Any, environment: str = "iam", **annotations: str) -> dict[str, Any]:
    path = "spec.environment.values.iam"
    states = json.dumps({path: {"state": state, "request": ["1", ""]}}).encode()
    return {
        "metadata": {
            "namespace": "apps",
            "name": "iam-rotators",
            "uid": "u",
            "resourceVersion": "1",
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
            "annotations": {ENVIRONMENT: environment, HOLDS: ROTATOR_STATES, **annotations},
        },
        "data": {"states": base64.b64encode(states).decode()},
    }


@pytest.fixture
def cluster(esc: Esc) -> FakeSession:
    call = {"inputs": {"userArn": USER, "login": key("never")}, "state": {"current": key("written")}}
    definition = {"values": {"iam": {"fn::rotate::aws-iam": call}}}
    session = FakeSession({("apps", "iam"): {"environment": definition}})
    esc.clusters["kind"] = session
    return session


def current(esc: Esc) -> str:
    answer = esc("open", "kind/apps/iam", "iam.current.accessKeyId", "-f", "string")
    assert answer.status == 0, answer.err
    return answer.out.strip()


def test_what_the_operator_keeps_counts_before_the_definition(esc: Esc, cluster: FakeSession) -> None:
    assert current(esc) == "written"
    cluster.secrets["apps", "iam-rotators"] = keeping({"current": key("kept")})
    assert current(esc) == "kept"


def test_a_secret_that_only_has_the_name_is_none(esc: Esc, cluster: FakeSession) -> None:
    for other in (keeping({"current": key("kept")}, "other"), keeping({"current": key("kept")}, **{HOLDS: "x"})):
        cluster.secrets["apps", "iam-rotators"] = other
        assert current(esc) == "written"


def test_a_user_who_may_not_read_it_gets_an_error_instead_of_getting_an_old_key(esc: Esc, cluster: FakeSession) -> None:
    cluster.refusal = ForbiddenError("could not read secrets apps/iam-rotators: no")
    answer = esc("open", "kind/apps/iam")
    assert (answer.status, answer.out) == (1, "")
    assert "in a Secret that you may not read" in answer.err


def test_of_one_of_the_cluster_its_status_tells_where_the_operator_keeps_them(esc: Esc, cluster: FakeSession) -> None:
    account = {"serviceAccount": {"namespace": "ops", "name": "robot"}}
    cluster.environments["", "iam"] = {**cluster.environments["apps", "iam"], **account}
    reference = "kind/ClusterEscEnvironment/iam"
    cluster.secrets["esc-system", "iam-rotator-states"] = keeping({"current": key("kept")}, "ClusterEscEnvironment/iam")
    assert esc("open", reference, "iam.current.accessKeyId", "-f", "string").out.strip() == "written"
    cluster.statuses["", "iam"] = {"rotatorStates": "esc-system/iam-rotator-states"}
    assert esc("open", reference, "iam.current.accessKeyId", "-f", "string").out.strip() == "kept"
