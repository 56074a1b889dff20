from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from esc_operator.driver.sharing import ANY_AGE
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Opened, ReadVersion
from esc_operator.providers.aws.arns import account_of_key
from esc_operator.providers.aws.secrets import AwsSecrets
from esc_operator.testing import NOON, FakeIdentity
from esc_operator.testing.running import new_opener

LOGIN = {"accessKeyId": "ASIAX", "secretAccessKey": "login-secret", "sessionToken": "token"}
ARN = "arn:aws:secretsmanager:{region}:123456789012:secret:{name}-a1b2c3"


def refusal(code: str, message: str = "no", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Get"
    )


class Manager:
    """Secrets Manager in one region: `missing` and `denied` are names, `failing` is raised by every call."""

    def __init__(self, region: str = "eu-west-1") -> None:
        self.region = region
        self.calls: list[tuple[str, Any]] = []
        self.closed = 0
        self.missing: set[str] = set()
        self.denied: set[str] = set()
        self.binary: set[str] = set()
        self.invalid: set[str] = set()
        self.may_batch = True
        self.failing: Exception | None = None
        self.gives_at_most = 20

    def _entry(self, name: str, version: str = "v1") -> dict[str, Any]:
        plain = name.rpartition(":secret:")[2].removesuffix("-a1b2c3")
        value: dict[str, Any] = {"SecretString": f"{plain} in {self.region}"}
        if plain in self.binary:
            value = {"SecretBinary": b"\x00\xff"}
        return {"ARN": ARN.format(region=self.region, name=plain), "Name": plain, "VersionId": version, **value}

    def _error(self, name: str) -> tuple[str, str] | None:
        if name in self.missing:
            return "ResourceNotFoundException", "can't find the specified secret."
        return ("AccessDeniedException", "not authorized") if name in self.denied else None

    def batch_get_secret_value(self, *, SecretIdList: list[str]) -> Any:  # noqa: N803 - as boto3 has it
        self.calls.append(("batch", SecretIdList))
        if self.failing:
            raise self.failing
        if not self.may_batch:
            raise refusal("AccessDeniedException", "not authorized to perform: secretsmanager:BatchGetSecretValue")
        if self.invalid & set(SecretIdList):
            raise refusal("ValidationException", "failed to satisfy constraint")
        errors = [(name, error) for name in SecretIdList if (error := self._error(name))]
        good = [name for name in SecretIdList if not self._error(name)]
        return {
            "SecretValues": [self._entry(name) for name in good[: self.gives_at_most]],
            "Errors": [{"SecretId": name, "ErrorCode": code, "Message": text} for name, (code, text) in errors],
            **({"NextToken": "more"} if len(good) > self.gives_at_most else {}),
        }

    def get_secret_value(self, *, SecretId: str, VersionId: str = "", VersionStage: str = "") -> Any:  # noqa: N803
        self.calls.append(("one", (SecretId, VersionId, VersionStage)))
        if self.failing:
            raise self.failing
        if SecretId in self.invalid:
            raise refusal("ValidationException", "failed to satisfy constraint")
        if error := self._error(SecretId):
            raise refusal(*error)
        return self._entry(SecretId, VersionId or VersionStage or "v1")

    def close(self) -> None:
        self.closed += 1


class Context:
    settings: ClassVar[dict[str, str]] = {}
    identity: Any = None

    def now(self) -> Any:
        return NOON

    async def run_blocking(self, call: Any) -> Any:
        return call()


def read(*managers: Manager, get: dict[str, Any], **more: Any) -> Opened:
    by_region = {manager.region: manager for manager in managers}
    provider = AwsSecrets(lambda target, login: by_region[target.region] if login == LOGIN else None)
    context: Any = Context()
    inputs = {"region": "eu-west-1", "login": LOGIN, "get": get, **more}
    return asyncio.run(provider.open(inputs, context))


def named(many: int) -> dict[str, Any]:
    return {f"n{number}": {"secretId": f"prod/{number}"} for number in range(many)}


def test_200_secrets_take_ten_calls() -> None:
    manager = Manager()
    opened = read(manager, get=named(200))
    assert [kind for kind, _ in manager.calls] == ["batch"] * 10
    assert opened.value == {f"n{number}": f"prod/{number} in eu-west-1" for number in range(200)}
    assert manager.closed == 1


def test_each_name_that_asks_for_the_same_secret_gets_it_and_it_is_read_once() -> None:
    manager = Manager()
    get = {"a": {"secretId": "x"}, "b": {"secretId": "x"}, "c": {"secretId": "x", "versionStage": "AWSCURRENT"}}
    assert read(manager, get=get).value == dict.fromkeys("abc", "x in eu-west-1")
    assert manager.calls == [("one", ("x", "", ""))]


def test_a_pinned_version_is_read_by_itself_and_the_others_together() -> None:
    manager = Manager()
    get = {**named(2), "old": {"secretId": "prod/0", "versionStage": "AWSPREVIOUS"}}
    opened = read(manager, get={**get, "exact": {"secretId": "prod/0", "versionId": "v7"}})
    assert manager.calls[0] == ("batch", ["prod/0", "prod/1"])
    assert sorted(manager.calls[1:]) == [
        ("one", ("prod/0", "", "AWSPREVIOUS")),
        ("one", ("prod/0", "v7", "")),
    ]
    assert [version.version for version in opened.versions] == ["v1", "v1", "AWSPREVIOUS", "v7"]


def test_the_versions_that_were_read_are_told_and_no_value() -> None:
    opened = read(Manager(), get={"db": {"secretId": "prod/db"}})
    assert opened.versions == (ReadVersion(("get", "db"), "prod/db", "v1"),)
    assert "prod/db in eu-west-1" not in repr(opened.versions)


def test_a_secret_is_found_by_its_arn_with_and_without_what_aws_adds() -> None:
    whole = ARN.format(region="eu-west-1", name="db")
    get = {"whole": {"secretId": whole}, "cut": {"secretId": whole.removesuffix("-a1b2c3")}}
    assert read(Manager(), get=get).value == {"whole": "db in eu-west-1", "cut": "db in eu-west-1"}


def test_a_binary_secret_is_base64_and_its_version_says_so() -> None:
    manager = Manager()
    manager.binary = {"keystore"}
    opened = read(manager, get={"keystore": {"secretId": "keystore"}})
    assert opened.value == {"keystore": "AP8="}
    assert opened.versions[0].note == "binary, as base64"


def refused(*managers: Manager, get: dict[str, Any], **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read(*managers, get=get, **more)
    return caught.value


def test_everything_that_is_missing_is_told_at_once_each_at_its_own_place() -> None:
    manager = Manager()
    manager.missing, manager.denied = {"prod/3", "prod/25"}, {"prod/7"}
    error = refused(manager, get=named(40))
    assert [(part.path, part.reason) for part in error.parts] == [
        (("get", "n3"), "AWSSecretMissing"),
        (("get", "n7"), "AWSAccessDenied"),
        (("get", "n25"), "AWSSecretMissing"),
    ]
    assert error.parts[0].message == (
        'the secret "prod/3" does not exist in eu-west-1, in the account of the login: check its name and `region`; '
        "that of another account is named by its ARN"
    )
    assert not error.outage


def test_a_message_about_many_names_the_first_few() -> None:
    manager = Manager()
    manager.missing = {f"prod/{number}" for number in range(200)}
    error = refused(manager, get=named(200))
    assert len(error.parts) == 200
    assert len(error.message) < 1000
    assert error.message.endswith("(and 197 more)")


def test_a_login_that_may_only_read_one_at_a_time_reads_one_at_a_time() -> None:
    manager = Manager()
    manager.may_batch = False
    assert read(manager, get=named(3)).value["n2"] == "prod/2 in eu-west-1"
    assert [kind for kind, _ in manager.calls] == ["batch", "one", "one", "one"]


def test_what_did_not_fit_into_an_answer_is_asked_for_by_itself() -> None:
    manager = Manager()
    manager.gives_at_most = 2
    assert len(read(manager, get=named(4)).value) == 4
    assert [kind for kind, _ in manager.calls] == ["batch", "one", "one"]


OUTAGES = [
    refusal("InternalServiceError", status=500),
    refusal("503", status=503),
    EndpointConnectionError(endpoint_url="https://x"),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=["failed", "unavailable", "unreachable"])
def test_all_of_it_is_read_in_the_failover_region_if_the_first_does_not_serve(outage: Exception) -> None:
    near, far = Manager(), Manager("us-east-1")
    near.failing = outage
    get = {"db": {"secretId": ARN.format(region="eu-west-1", name="db")}, "mail": {"secretId": "mail"}}
    opened = read(near, far, get=get, failoverRegion="us-east-1")
    assert opened.value == {"db": "db in us-east-1", "mail": "mail in us-east-1"}
    assert far.calls == [("batch", [ARN.format(region="us-east-1", name="db"), "mail"])]
    assert [version.note for version in opened.versions] == ["read in us-east-1"] * 2
    assert near.closed == far.closed == 1


@pytest.mark.parametrize(
    "mistake",
    [refusal("ThrottlingException"), refusal("AccessDeniedException"), refusal("ExpiredTokenException")],
    ids=["throttled", "denied", "expired"],
)
def test_the_failover_region_is_not_asked_for_what_another_region_does_not_mend(mistake: Exception) -> None:
    near, far = Manager(), Manager("us-east-1")
    near.failing = mistake
    refused(near, far, get=named(2), failoverRegion="us-east-1")
    assert not far.calls


def test_after_an_outage_nothing_more_is_asked() -> None:
    manager = Manager()
    manager.failing = refusal("InternalServiceError", status=500)
    assert refused(manager, get=named(200)).outage
    assert len(manager.calls) == 4


def test_a_batch_that_is_refused_as_a_whole_is_told_once() -> None:
    manager = Manager()
    manager.failing = refusal("RegionDisabledException")
    error = refused(manager, get=named(5))
    assert (error.reason, error.parts) == ("AWSRefused", ())
    assert error.message == "AWS Secrets Manager refused to read 5 secrets in eu-west-1 (RegionDisabledException)"


def test_a_batch_that_is_refused_for_one_name_says_which() -> None:
    manager = Manager()
    manager.invalid = {"prod/2"}
    error = refused(manager, get=named(5))
    assert [(part.path, part.reason) for part in error.parts] == [(("get", "n2"), "InvalidInputs")]
    assert 'does not accept the request for the secret "prod/2" (ValidationException)' in error.parts[0].message


def test_the_account_of_a_key_is_known_so_that_throttling_is_its_own() -> None:
    inputs = {"login": {"accessKeyId": "ASIAQNZGKIQY56JQ7WML"}}
    assert AwsSecrets().account(inputs) == "account 029608264753"
    assert account_of_key("AKIAIOSFODNN7EXAMPLE") == ""
    assert account_of_key("ASIAX") == ""


def test_the_endpoint_names_both_regions() -> None:
    inputs = {"region": "eu-west-1", "failoverRegion": "us-east-1", "login": LOGIN, "get": named(1)}
    assert AwsSecrets().endpoint(inputs, {}) == "secretsmanager.eu-west-1 or secretsmanager.us-east-1"


def test_the_settings_name_the_endpoint_as_aws_spells_it() -> None:
    inputs = {"region": "eu-west-1", "login": LOGIN, "get": named(1)}
    settings = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://vpce.example.com", "AWS_ENDPOINT_URL": "https://other"}
    assert AwsSecrets().endpoint(inputs, settings) == "vpce.example.com"


def test_environments_that_ask_for_the_same_at_the_same_time_share_the_calls() -> None:
    manager = Manager()
    opener = new_opener(AwsSecrets(lambda _target, _login: manager), lambda: NOON, 30)
    inputs = {"region": "eu-west-1", "login": LOGIN, "get": named(40)}

    async def ask_three_times() -> list[Any]:
        as_one, as_other = FakeIdentity(), FakeIdentity(subject="system:serviceaccount:apps:other")
        asked = [opener.open("aws-secrets", inputs, identity, ANY_AGE) for identity in (as_one, as_one, as_other)]
        answers: list[Any] = await asyncio.gather(*asked)
        return answers

    answers = asyncio.run(ask_three_times())
    opener.pool.close()
    assert [len(answer.value) for answer in answers] == [40, 40, 40]
    assert len(manager.calls) == 4, "two for one identity, two for the other"
