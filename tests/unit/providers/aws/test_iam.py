from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.providers.aws.clients import SignedClients, choose_target
from esc_operator.providers.aws.iam import INPUTS, MOST_KEYS, ROTATOR, AwsIam, choose_unwanted
from esc_operator.providers.registry import rotator_registry
from esc_operator.schema.compile import from_json

USER = "arn:aws:iam::123456789012:user/ci/deploy"
LOGIN = {"accessKeyId": "ASIAX", "secretAccessKey": "login-secret", "sessionToken": "token"}
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Iam:
    """One user's keys, as AWS keeps them: two at most. `failing` is raised by every call after so many."""

    def __init__(self, *ids: str) -> None:
        self.keys = {key: NOON + timedelta(minutes=number) for number, key in enumerate(ids)}
        self.made = 0
        self.calls: list[str] = []
        self.failing: Exception | None = None

    def _call(self, name: str, user: str) -> None:
        assert user == "deploy"
        self.calls.append(name)
        if self.failing:
            raise self.failing

    def list_access_keys(self, *, UserName: str) -> Any:  # noqa: N803 - as boto3 has it
        self._call("list", UserName)
        return {"AccessKeyMetadata": [{"AccessKeyId": key, "CreateDate": at} for key, at in self.keys.items()]}

    def delete_access_key(self, *, UserName: str, AccessKeyId: str) -> None:  # noqa: N803
        self._call("delete", UserName)
        del self.keys[AccessKeyId]

    def create_access_key(self, *, UserName: str) -> Any:  # noqa: N803
        self._call("create", UserName)
        assert len(self.keys) < MOST_KEYS, "LimitExceeded"
        self.made += 1
        key = f"AKIA{self.made}"
        self.keys[key] = NOON + timedelta(hours=self.made)
        return {
            "AccessKey": {"AccessKeyId": key, "SecretAccessKey": f"secret-{self.made}", "CreateDate": self.keys[key]}
        }


class Context:
    settings: ClassVar[dict[str, str]] = {}
    identity: Any = None

    def now(self) -> datetime:
        return NOON

    async def run_blocking(self, call: Any) -> Any:
        return call()


def rotate(iam: Iam, state: Any = None, **inputs: Any) -> Any:
    rotator = AwsIam(lambda _target, login: iam if login == LOGIN else None)
    context: Any = Context()
    return asyncio.run(rotator.rotate({"login": LOGIN, "userArn": USER, **inputs}, state, context)).state


def test_a_rotation_makes_a_key_and_keeps_the_one_before_alive() -> None:
    iam = Iam()
    first = rotate(iam)
    assert first == {
        "current": {"accessKeyId": "AKIA1", "secretAccessKey": "secret-1", "createdAt": "2026-05-01T13:00:00Z"}
    }
    second = rotate(iam, first)
    assert (second["current"]["accessKeyId"], second["previous"]) == ("AKIA2", first["current"])
    assert list(iam.keys) == ["AKIA1", "AKIA2"]
    third = rotate(iam, second)
    assert list(iam.keys) == ["AKIA2", "AKIA3"]
    assert third["previous"] == second["current"]


def test_a_rotation_whose_answer_was_lost_costs_no_key_that_is_in_use() -> None:
    iam = Iam()
    state = rotate(iam, rotate(iam))
    rotate(iam, state)  # nobody learns of this one
    assert list(iam.keys) == ["AKIA2", "AKIA3"]
    after = rotate(iam, state)
    assert list(iam.keys) == ["AKIA2", "AKIA4"]
    assert after["previous"]["accessKeyId"] == "AKIA2"


def test_keys_that_nobody_here_knows_are_never_deleted() -> None:
    iam = Iam("AKIAOLD", "AKIAOTHER")
    with pytest.raises(ProviderError, match="that this environment did not make") as raised:
        rotate(iam)
    assert raised.value.reason == "UnknownAccessKeys"
    assert list(iam.keys) == ["AKIAOLD", "AKIAOTHER"]
    del iam.keys["AKIAOLD"]
    assert rotate(iam)["current"]["accessKeyId"] == "AKIA1"
    assert list(iam.keys) == ["AKIAOTHER", "AKIA1"]


ids = st.sampled_from(["a", "b", "c", "d"])


@given(st.lists(ids, unique=True, max_size=2), st.none() | ids, st.none() | ids)
def test_there_is_room_afterwards_and_the_key_in_use_is_there(listed: list[str], current: Any, previous: Any) -> None:
    state = None if current is None else {"current": {"accessKeyId": current}}
    if state and previous:
        state["previous"] = {"accessKeyId": previous}
    unwanted = choose_unwanted([{"AccessKeyId": key} for key in listed], state)
    if unwanted is None:
        assert len(listed) == MOST_KEYS
        assert current not in listed
    else:
        assert current not in unwanted or current not in listed or current == previous
        assert len(set(listed) - set(unwanted)) < MOST_KEYS


def test_without_a_state_it_says_what_to_do() -> None:
    context: Any = Context()
    with pytest.raises(ProviderError, match="rotate this environment") as raised:
        asyncio.run(ROTATOR.open({"userArn": USER}, None, context))
    assert raised.value.reason == "NotRotated"
    state = {"current": {"accessKeyId": "a", "secretAccessKey": "b"}}
    assert asyncio.run(ROTATOR.open({"userArn": USER}, state, context)).value == state


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "login-secret"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "CreateAccessKey")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refusal("Throttling"), "Throttled"),
        (refusal("ServiceUnavailable", 503), "AWSUnavailable"),
        (refusal("", 500), "AWSUnavailable"),
        (refusal("NoSuchEntity", 404), "UserMissing"),
        (refusal("AccessDenied", 403), "AWSAccessDenied"),
        (refusal("login-secret"), "AWSRefused"),
        (ConnectTimeoutError(endpoint_url="https://login-secret"), "AWSUnavailable"),
    ],
)
def test_a_failure_has_a_reason_and_nothing_of_what_aws_said(error: Exception, reason: str) -> None:
    iam = Iam()
    iam.failing = error
    with pytest.raises(ProviderError) as raised:
        rotate(iam)
    assert raised.value.reason == reason
    assert "secret" not in raised.value.message
    assert raised.value.__cause__ is raised.value.__context__ is None


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:role/deploy", "deploy", "arn:aws:iam::1:user/x" + "y" * 20])
def test_what_is_no_user_is_refused_before_any_call(arn: str) -> None:
    iam = Iam()
    with pytest.raises(ProviderError, match="is not the ARN of a user"):
        rotate(iam, userArn=arn)
    assert iam.calls == []


def test_it_is_installed_and_its_login_is_for_rotations_only() -> None:
    found: object = rotator_registry().find("aws-iam")
    assert found is ROTATOR
    assert from_json(INPUTS).rotate_only == frozenset({"login"})


def test_a_client_signs_as_the_login_that_it_is_given_and_keeps_none() -> None:
    clients = SignedClients()
    client = clients.client(choose_target("iam", {}, region="us-east-1"), LOGIN)
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.token) == ("ASIAX", "token")
    assert client.meta.endpoint_url == "https://iam.amazonaws.com"
    client.close()
    assert "login-secret" not in repr(vars(clients))
