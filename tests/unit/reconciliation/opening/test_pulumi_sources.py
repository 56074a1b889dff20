"""Environments that Pulumi Cloud holds: filled, refreshed, imported; each opened as whom its own spec names."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.kube.identity_tokens import IdentityTokens
from esc_operator.kube.namespaces import Namespaces
from esc_operator.providers.registry import Registry
from esc_operator.reconciliation.opening.account_objects import AccountObjects
from esc_operator.reconciliation.opening.definitions import Definitions
from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.reconciliation.opening.opening import EnvironmentOpening
from esc_operator.reconciliation.opening.rotator_secrets import RotatorSecrets
from esc_operator.resources import ROTATE_REQUESTED_AT
from esc_operator.resources.allowances import ALLOWED_AUDIENCES, ALLOWED_ROLES, ALLOWED_TOKEN_AUDIENCES
from esc_operator.resources.environment import Key
from unit.reconciliation.world import HOUR, MINUTE, SECOND, WELL, World, play
from unit.stores.pulumi.fake_pulumi import UNKNOWN, FakePulumi, ThroughFake

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

PROD = "acme/shop/prod"
TOKEN = "pul-0123456789"


class Entry:
    value = "test"
    dist = None
    name = "pulumi"

    def __init__(self, service: ThroughFake) -> None:
        self._service = service

    def load(self) -> ThroughFake:
        return self._service


class PulumiWorld(World):
    """A world whose environments are opened as the operator does it, with a Pulumi Cloud in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.pulumi = FakePulumi(self.now, self.tick)
        self.pulumi.given.add(TOKEN)
        self.slept: list[float] = []
        self.logins = SharedLogins(self.now)

    def tick(self) -> None:
        self.time += timedelta(milliseconds=1)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    @contextmanager
    def opens(self) -> Iterator[None]:
        pool = BlockingPool()

        def discover(_: str) -> Iterable[Any]:
            return [Entry(ThroughFake(self.pulumi))]

        catalogue = Catalogue(services=Registry("services", "service", "UnknownProvider", discover))
        opener = Opener(pool=pool, logins=self.logins, settings={}, now=self.now, catalogue=catalogue)
        definitions = Definitions(self.api, home=self.home)
        imports = partial(ImportStore, self.api, definitions=definitions)
        tokens, allowances = IdentityTokens(self.api, self.now), Namespaces(self.api)
        states, objects = RotatorSecrets(self.api, ""), AccountObjects(self.api, tokens)
        self.opening = EnvironmentOpening(imports, tokens, objects, opener, allowances, states, sleep=self.sleep)
        yield
        pool.close()

    def asked(self) -> dict[str, int]:
        """The requests since the last question."""
        found = dict(self.pulumi.asked)
        self.pulumi.asked.clear()
        return found


def source(**more: Any) -> dict[str, Any]:
    named = {"organization": "acme", "project": "shop", "environment": "prod", "oidc": {"team": "platform"}}
    named |= more
    return {"environmentFrom": {"pulumi": {key: value for key, value in named.items() if value is not None}}}


def by_token(**more: Any) -> dict[str, Any]:
    return source(oidc=None, accessTokenSecretRef={"name": "pulumi", "key": "token"}, **more)


def importer(*names: str, **variables: str) -> dict[str, Any]:
    return {"environment": {"imports": list(names), "values": {"environmentVariables": variables}}}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def run(story: Callable[[PulumiWorld], Coroutine[Any, Any, None]]) -> PulumiWorld:
    async def with_opening(world: PulumiWorld) -> None:
        with world.opens():
            await story(world)

    return play(with_opening, PulumiWorld())


def variables(**texts: Any) -> dict[str, Any]:
    return {"environmentVariables": texts}


def test_it_fills_the_secret_by_an_exchange_and_two_requests() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.api.put_environment("app", source(lifetime="1h"))
        async with world.operator():
            assert world.told("app") == WELL
            assert world.values("app") == {"A": "1"}
            assert world.asked() == {"token": 1, "open": 1, "session": 1}
            status = world.status("app")
            assert (status["definitionOrigin"], status["definitionRevision"]) == (PROD, "1")
            role = "urn:pulumi:org:acme:team:platform"
            assert status["logins"] == [{"provider": "pulumi", "role": role, "organization": "acme"}]
            world.pulumi.put(PROD, variables(A="2"))
            await world.skip(46 * MINUTE, step=MINUTE)
            assert world.values("app") == {"A": "2"}
            assert world.status("app")["definitionRevision"] == "2"
            assert world.asked() == {"token": 1, "open": 1, "session": 1}  # the old token was almost over

    run(story)


def test_an_unchanged_refresh_writes_nothing_and_requests_two() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.pulumi.token_life = 24 * HOUR
        world.api.put_environment("app", source(lifetime="12h", version="stable"))
        async with world.operator():
            assert world.status("app")["definitionOrigin"] == f"{PROD}@stable"
            world.asked()
            writes = world.api.count("apply")
            await world.skip(HOUR, step=MINUTE)
            assert world.asked() == {"open": 1, "session": 1}
            assert world.api.count("apply") <= writes + 1  # the lease moved
            assert world.told("app") == WELL

    run(story)


def test_one_token_serves_all_environments_of_an_account_and_each_is_opened_once() -> None:
    async def story(world: PulumiWorld) -> None:
        for name in ("a", "b", "c"):
            world.pulumi.put(f"acme/shop/{name}", variables(A=name))
            world.api.put_environment(name, source(environment=name, lifetime="1h"))
        async with world.operator():
            assert [world.values(name) for name in ("a", "b", "c")] == [{"A": "a"}, {"A": "b"}, {"A": "c"}]
            assert world.asked() == {"token": 1, "open": 3, "session": 3}

    run(story)


def test_importers_pick_by_path_and_it_is_opened_once_for_all() -> None:
    async def story(world: PulumiWorld) -> None:
        secret = {"value": "s3cret", "secret": True}
        world.pulumi.put(PROD, {"db": {"user": "u", "password": secret}})
        world.api.put_environment("base", source(lifetime="1h"))
        for number in range(5):
            world.api.put_environment(f"app{number}", importer("base", PASSWORD="${db.password}"))
        async with world.operator():
            assert world.told("base") == ("True", "NoVariables", "True", "Refreshed")
            assert [world.values(f"app{number}") for number in range(5)] == [{"PASSWORD": "s3cret"}] * 5
            assert world.asked() == {"token": 1, "open": 1, "session": 1}
            assert world.status("app1")["expiresAt"] == "2026-05-01T13:00:00Z"
            world.pulumi.put(PROD, {"db": {"user": "u", "password": {"value": "n3w", "secret": True}}})
            await world.skip(46 * MINUTE, step=MINUTE)
            assert [world.values(f"app{number}") for number in range(5)] == [{"PASSWORD": "n3w"}] * 5
            assert world.asked()["open"] <= 2
            assert world.status("app1")["expiresAt"] > "2026-05-01T13:30:00Z"

    run(story)


def test_an_environment_that_exports_nothing_is_looked_at_again_at_each_interval() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, {"a": "1"})
        world.api.put_environment("app", {**source(lifetime="1h"), "refresh": {"interval": "10m"}})
        async with world.operator():
            assert world.told("app") == ("True", "NoVariables", "True", "Refreshed")
            assert world.status("app")["definitionRevision"] == "1"
            world.pulumi.put(PROD, variables(A="1"))
            await world.skip(11 * MINUTE, step=MINUTE)
            assert world.told("app") == WELL
            assert world.values("app") == {"A": "1"}

    run(story)


def test_the_access_token_is_read_from_a_secret_and_followed() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.api.put_environment("app", by_token(lifetime="1h"))
        async with world.operator():
            assert world.told("app") == ("False", "PulumiTokenNotFound", "False", "PulumiTokenNotFound")
            assert world.condition("app")["message"] == (
                "spec.environmentFrom.pulumi.accessTokenSecretRef: Secret apps/pulumi does not exist: create it, or "
                "correct the name"
            )
            world.api.put_secret("pulumi", {"token": encoded("pul-wrong")})
            await world.settle()
            assert world.told("app")[1] == "PulumiTokenRefused"
            assert "pul-wrong" not in str(world.api.objects[("escenvironments", KEY)])
            world.api.put_secret("pulumi", {"token": encoded(f"{TOKEN}\n")})
            await world.settle()
            assert world.told("app") == WELL
            assert world.status("app")["logins"] == [{"provider": "pulumi", "organization": "acme"}]
            assert "token" not in world.asked()
            assert TOKEN not in str(world.api.objects[("escenvironments", KEY)])

    run(story)


KEY = Key("apps", "app")


NO_TOKEN = (
    "has at key token what is no access token: store the token alone, as Pulumi Cloud shows it; it begins with pul-"
)


@pytest.mark.parametrize(
    ("data", "metadata", "message"),
    [
        ({"other": encoded(TOKEN)}, {}, "has no key token: add it, or correct the key"),
        (
            {"token": encoded("pul-two words")},
            {},
            NO_TOKEN,
        ),
        (
            {"token": encoded("a-password")},
            {},
            NO_TOKEN,
        ),
        (
            {"token": encoded(TOKEN)},
            {"labels": {"app.kubernetes.io/managed-by": "esc-operator"}},
            "is one that esc-operator fills: store the access token in one of its own",
        ),
    ],
)
def test_a_secret_without_a_token_is_told(data: dict[str, str], metadata: dict[str, Any], message: str) -> None:
    async def story(world: PulumiWorld) -> None:
        world.api.put_secret("pulumi", data, **metadata)
        world.api.put_environment("app", by_token())
        async with world.operator():
            told = world.condition("app")["message"]
            assert told == f"spec.environmentFrom.pulumi.accessTokenSecretRef: Secret apps/pulumi {message}"
            assert world.asked() == {}

    run(story)


def test_a_token_that_was_revoked_is_exchanged_once_more_and_then_told() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.pulumi.instead("open", 401, {"message": "Unauthorized"})
        world.api.put_environment("app", source(lifetime="1h"))
        async with world.operator():
            assert world.told("app") == WELL
            assert world.asked() == {"token": 2, "open": 2, "session": 1}
            world.pulumi.token_life = timedelta(0)
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.told("app") == ("True", "Synced", "False", "PulumiTokenRefused")
            assert world.condition("app", "Refreshed")["message"] == (
                "spec.environmentFrom.pulumi: https://api.pulumi.com does not accept the access token of team platform "
                "of organization acme that it has just given in exchange, when asked to open acme/shop/prod: it was "
                "revoked, or the clocks differ; look at the access tokens and the OIDC issuers of the organization"
            )
            assert world.values("app") == {"A": "1"}

    run(story)


def test_a_session_that_is_gone_is_opened_once_more() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.pulumi.instead("session", 404, {"code": 404, "message": "session not found"})
        world.api.put_environment("app", source(lifetime="1h"))
        async with world.operator():
            assert world.told("app") == WELL
            assert world.asked() == {"token": 1, "open": 2, "session": 2}

    run(story)


def test_a_variable_that_the_token_may_not_see_is_told_and_the_last_values_stay() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1", B="2"))
        world.api.put_environment("app", source(lifetime="1h"))
        async with world.operator():
            world.pulumi.put(PROD, variables(A="1", B=UNKNOWN))
            await world.skip(50 * MINUTE, step=MINUTE)
            assert world.told("app") == ("True", "Synced", "False", "ValueNotVisible")
            assert world.condition("app", "Refreshed")["message"] == (
                'values.environmentVariables.B: the value of "B" is not known: Pulumi Cloud does not show it to the '
                "access token: let the token open all that it is made of, or leave the variable out"
            )
            assert world.values("app") == {"A": "1", "B": "2"}
            world.pulumi.put(PROD, {"environmentVariables": UNKNOWN})
            await world.skip(10 * MINUTE, step=MINUTE)
            assert "the value of environmentVariables is not known" in world.condition("app", "Refreshed")["message"]
            world.pulumi.put(PROD, variables(A="3"))
            await world.skip(10 * MINUTE, step=MINUTE)
            assert world.values("app") == {"A": "3"}

    run(story)


def test_errors_in_the_definition_have_their_place() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        found = {
            "range": {"environment": "shop/prod", "begin": {"line": 3, "column": 5}, "end": {"line": 3, "column": 9}},
            "summary": 'unknown property "db"',
        }
        world.pulumi.instead("open", 400, {"code": 400, "message": "bad", "diagnostics": [found]})
        world.api.put_environment("app", source(lifetime="1h"))
        async with world.operator():
            assert world.told("app") == ("False", "DefinitionHasErrors", "False", "DefinitionHasErrors")
            assert world.condition("app")["message"] == (
                'spec.environmentFrom.pulumi: acme/shop/prod, line 3, column 5: unknown property "db"; correct the '
                "definition in Pulumi Cloud"
            )
            await world.skip(MINUTE, step=SECOND)
            assert world.told("app") == WELL

    run(story)


def test_an_importer_of_another_namespace_learns_no_cause_and_no_names() -> None:
    async def story(world: PulumiWorld) -> None:
        world.api.put_environment("base", {**source(), "sharing": {"namespaces": ["apps"]}}, "other")
        world.api.put_environment("app", importer("other/base", A="${a}"))
        async with world.operator():
            assert world.told("app")[1] == "EnvironmentNotFound"
            told = world.condition("app")["message"]
            assert "it could not be opened (EnvironmentNotFound); ask its owner" in told
            assert "acme" not in str(world.status("app"))
            own = world.api.environment("base", "other")["status"]["conditions"][0]["message"]
            assert "there is no environment acme/shop/prod at https://api.pulumi.com" in own
            world.pulumi.put(PROD, {"a": "1"})
            await world.skip(6 * MINUTE, step=SECOND)
            assert world.values("app") == {"A": "1"}
            assert world.status("app")["logins"] == [{"provider": "pulumi", "roleHidden": True}]
            accounts = [call for call in world.api.calls if call.verb == "request_token"]
            assert accounts

    run(story)


def test_what_is_not_shared_is_not_opened() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, {"a": "1"})
        world.api.put_environment("base", {**source(), "suspend": True}, "other")
        world.api.put_environment("app", importer("other/base", A="${a}"))
        async with world.operator():
            assert world.told("app")[1] == "ImportNotAllowed"
            assert world.asked() == {}

    run(story)


def test_a_rotation_of_an_importer_gets_fresh_values_and_no_more_often_than_each_turn() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, {"a": "1"})
        world.api.put_environment("base", {**source(lifetime="1h"), "sharing": {"namespaces": ["apps"]}}, "other")
        world.api.put_environment("app", importer("other/base", A="${a}"))
        world.api.put_environment("own", importer("base2", A="${a}"))
        world.api.put_environment("base2", source(lifetime="1h"))
        async with world.operator():
            world.asked()
            world.pulumi.put(PROD, {"a": "2"})
            await world.skip(5 * SECOND)
            world.api.annotate_environment("own", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            assert world.values("own") == {"A": "2"}
            assert world.slept == []
            world.api.annotate_environment("app", annotations={ROTATE_REQUESTED_AT: "1"})
            await world.settle()
            assert world.values("app") == {"A": "2"}
            assert len(world.slept) == 1
            assert 0 < world.slept[0] <= 10

    run(story)


def test_one_of_the_cluster_that_fills_nothing_is_opened_and_its_status_has_the_cause() -> None:
    async def story(world: PulumiWorld) -> None:
        world.is_of_the_cluster = True
        world.api.put_namespace("apps")
        account = {"serviceAccount": {"namespace": "apps", "name": "robot"}}
        world.api.put_environment("base", {**source(), **account, "refresh": {"interval": "10m"}}, "")
        world.api.put_environment("app", importer("base", A="${a}"))
        async with world.operator():
            told = world.api.environment("base", "")["status"]["conditions"]
            assert {one["reason"] for one in told} == {"EnvironmentNotFound"}
            assert "ask its owner, who sees the cause in its status" in world.condition("app")["message"]
            world.pulumi.put(PROD, {"a": "1"})
            await world.skip(11 * MINUTE, step=SECOND)
            status = world.api.environment("base", "")["status"]
            assert [one["reason"] for one in status["conditions"]] == ["NoTarget", "Refreshed"]
            assert status["definitionRevision"] == "1"
            assert world.values("app") == {"A": "1"}
            world.pulumi.put(PROD, {"a": "2"})
            await world.skip(10 * MINUTE, step=SECOND)
            assert world.api.environment("base", "")["status"]["definitionRevision"] == "2"

    run(story)


def test_the_allow_lists_of_the_sources_namespace_count() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.api.namespaces["apps"] = {ALLOWED_AUDIENCES: "urn:pulumi:org:other"}
        world.api.put_environment("app", source(lifetime="1h"))
        world.api.namespaces["more"] = {ALLOWED_ROLES: "urn:pulumi:org:acme:team:ops"}
        world.api.put_environment("app", source(lifetime="1h"), "more")
        async with world.operator():
            assert world.told("app")[1] == "AudienceNotAllowed"
            assert 'the audience "urn:pulumi:org:acme" is not allowed' in world.condition("app")["message"]
            other = world.api.environment("app", "more")["status"]["conditions"][0]
            assert other["reason"] == "RoleNotAllowed"
            assert 'the role "urn:pulumi:org:acme:team:platform" is not allowed in namespace more' in other["message"]
            assert world.asked() == {}

    run(story)


def test_another_host_gets_an_identity_token_only_if_the_audience_is_listed() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.api.put_environment("app", source(lifetime="1h", apiUrl="https://pulumi.example"))
        async with world.operator():
            assert world.told("app")[1] == "TokenNotAllowed"
            assert world.condition("app")["message"] == (
                "spec.environmentFrom.pulumi: apiUrl https://pulumi.example would be sent "
                'the identity token itself, for the audience "urn:pulumi:org:acme", which Pulumi Cloud accepts too, '
                "and namespace apps does not allow that: leave apiUrl out, or ask an administrator to add the "
                f"audience, literally, to the namespace's annotation {ALLOWED_TOKEN_AUDIENCES}"
            )
            assert world.asked() == {}

    run(story)


def test_throttling_of_one_organization_pauses_no_other() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.pulumi.put("beta/shop/prod", variables(A="1"))
        for _ in range(3):
            world.pulumi.instead("POST esc/environments/acme", 429, {"message": "slow down"}, retry_after="120")
        world.api.put_environment("app", source(lifetime="1h"))
        world.api.put_environment("beta", source(organization="beta", lifetime="1h"))
        async with world.operator():
            assert world.told("beta") == WELL
            assert world.told("app")[1] == "Throttled"
            world.asked()
            await world.skip(100 * SECOND, step=SECOND)
            assert world.asked().get("open", 0) == 0
            assert "organization acme" in world.condition("app")["message"]

    run(story)


def test_the_definition_is_read_once_a_revision_if_nothing_else_says_how_long_the_values_last() -> None:
    async def story(world: PulumiWorld) -> None:
        text = "values: {aws: {fn::open::aws-login: {oidc: {roleArn: r, sessionName: s, duration: 30m}}}}"
        world.pulumi.put(PROD, variables(A="1"), text)
        world.pulumi.token_life = 24 * HOUR
        world.api.put_environment("app", source())
        async with world.operator():
            assert world.status("app")["expiresAt"] == "2026-05-01T12:30:00Z"
            assert world.asked() == {"token": 1, "open": 1, "session": 1, "definition": 1}
            await world.skip(25 * MINUTE, step=MINUTE)
            assert world.asked() == {"open": 1, "session": 1}
            world.pulumi.put(PROD, variables(A="1"))
            await world.skip(25 * MINUTE, step=MINUTE)
            assert world.asked() == {"open": 1, "session": 1, "definition": 1}
            assert "expiresAt" not in world.status("app")  # it opens nothing any more

    run(story)


def test_a_definition_that_cannot_be_read_for_a_moment_is_no_warning() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.pulumi.instead("definition", 503, {"message": "down"})
        world.api.put_environment("app", source())
        async with world.operator():
            assert world.told("app") == WELL
            assert world.status("app")["expiresAt"] == "2026-05-01T13:00:00Z"
            assert "warnings" not in world.status("app")
            await world.skip(HOUR, step=MINUTE)
            assert "expiresAt" not in world.status("app")  # it was read, and opens nothing

    run(story)


def test_a_definition_that_may_not_be_read_is_a_warning() -> None:
    async def story(world: PulumiWorld) -> None:
        world.pulumi.put(PROD, variables(A="1"))
        world.pulumi.instead("definition", 403, {"message": "forbidden"})
        world.api.put_environment("app", source())
        async with world.operator():
            assert world.status("app")["expiresAt"] == "2026-05-01T13:00:00Z"
            (warning,) = world.status("app")["warnings"]
            assert warning["reason"] == "LifetimeAssumed"
            assert "set spec.environmentFrom.pulumi.lifetime" in warning["message"]

    run(story)
