"""The client of Pulumi Cloud against the local one, over real sockets: all that it can do, and all that goes wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.networks import Fence
from esc_operator.driver.outbound import Outbound
from esc_operator.errors import ProviderError
from esc_operator.evaluation import to_json
from esc_operator.providers.port import IdentityToken
from esc_operator.stores.pulumi import (
    ONE_TRY,
    AccessToken,
    Api,
    DefinitionError,
    EnvironmentName,
    GivenToken,
    PulumiCloud,
    RenewedTokens,
    TokenKind,
    TokenRequest,
    Tokens,
    exchange,
)
from esc_operator.stores.pulumi.records import CloneOptions
from esc_operator.stores.pulumi.webhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from local.pulumi_world import World
    from local_issuer import LocalIssuer

PROD = EnvironmentName("acme", "shop", "prod")
TEXT = 'values:\n  a: {fn::fromJSON: "12345678901234567890"}\n  s: {fn::secret: hunter2}\n  list: [null, x]\n'
SUBJECT = "system:serviceaccount:apps:web"


def now() -> datetime:
    return datetime.now(UTC)


def api(world: World, *, seconds: float = 10.0, fence: Fence | None = None) -> Api:
    outbound = Outbound(fence, {"SSL_CERT_FILE": str(world.cloud.ca_file)}, seconds=seconds)
    return Api(world.cloud.url, outbound.send, now, ONE_TRY)


def client(world: World, token: str = "", **options: Any) -> PulumiCloud:
    return PulumiCloud(api(world, **options), GivenToken(AccessToken(token or world.token)))


def failing(call: Coroutine[Any, Any, Any]) -> tuple[str, str]:
    with pytest.raises(ProviderError) as failed:
        asyncio.run(call)
    assert "hunter2" not in failed.value.message
    assert "pul-" not in failed.value.message
    return failed.value.reason, failed.value.message


def test_an_environment_lives_from_its_creation_to_its_deletion(pulumi: World) -> None:
    cloud = client(pulumi)

    async def story() -> None:
        await cloud.create(PROD)
        created = await cloud.read(PROD)
        assert (created.text.strip(), created.revision) == ("", 1)
        updated = await cloud.update(PROD, TEXT, etag=created.etag)
        assert updated.revision == 2
        stored = await cloud.read(PROD)
        assert "hunter2" not in stored.text
        assert (await cloud.read(PROD, decrypted=True)).text == TEXT
        assert (await cloud.read(PROD, "1")).revision == 1
        assert (await cloud.read(PROD, "2", decrypted=True)).text == TEXT
        with pytest.raises(ProviderError) as conflict:
            await cloud.update(PROD, "values: {}", etag=created.etag)
        assert conflict.value.reason == "EnvironmentChanged"
        assert [str(each.name) for each in await cloud.list("acme")] == ["acme/shop/prod"]
        await cloud.clone(PROD, "shop", "copy", CloneOptions(history=True))
        assert len(await cloud.list()) == 2
        await cloud.protect_from_deletion(PROD, protected=True)
        assert await cloud.is_deletion_protected(PROD)
        with pytest.raises(ProviderError) as protected:
            await cloud.delete(PROD)
        assert protected.value.reason == "DeletionProtected"
        await cloud.protect_from_deletion(PROD, protected=False)
        await cloud.delete(PROD)
        assert [each.name.name for each in await cloud.list("acme")] == ["copy"]

    asyncio.run(story())


@pytest.mark.parametrize("is_new", [True, False])
def test_values_are_opened_with_their_flags_and_numbers_in_both_forms(pulumi: World, is_new: bool) -> None:
    pulumi.put(TEXT)
    pulumi.cloud.change(has_new_values=is_new)
    pulumi.cloud.hide("acme", "shop/prod", "list[1]")
    pulumi.cloud.forget_requests()
    cloud = client(pulumi)

    async def story() -> None:
        session = await cloud.open(PROD, duration=timedelta(minutes=5))
        assert session.revision == 2
        value = await cloud.read_session(session)
        assert to_json(value) == '{"a":12345678901234567890,"list":[null,"[unknown]"],"s":"[secret]"}'
        assert value.reveal()["s"] == "hunter2"
        assert (await cloud.read_session(session, "list[0]")).reveal() is None
        assert to_json(await cloud.read_session(session, "s")) == '"[secret]"'
        with pytest.raises(ProviderError) as missing:
            await cloud.read_session(session, "nothing.here")
        assert missing.value.reason == "PropertyNotFound"
        pulumi.cloud.end_sessions()
        with pytest.raises(ProviderError) as gone:
            await cloud.read_session(session)
        assert gone.value.reason == "SessionNotFound"

    asyncio.run(story())
    assert pulumi.cloud.counts()["POST /api/esc/environments/{org}/{project}/{env}/open"] == 1


def test_texts_are_checked_and_opened_without_being_stored(pulumi: World) -> None:
    cloud = client(pulumi)

    async def story() -> None:
        checked = await cloud.check_text("acme", TEXT)
        assert checked.value is not None
        assert to_json(checked.value) == '{"a":12345678901234567890,"list":[null,"x"],"s":"[secret]"}'
        wrong = await cloud.check_text("acme", "values:\n  a: ${nothing}\n")
        (found,) = wrong.diagnostics
        assert (wrong.value, found.range and found.range.begin.line) == (None, 2)
        session = await cloud.open_text("acme", TEXT)
        assert (await cloud.read_session(session)).reveal()["s"] == "hunter2"
        with pytest.raises(DefinitionError) as failed:
            await cloud.open_text("acme", "values:\n  a: ${nothing}\n")
        assert failed.value.diagnostics == (found,)
        assert "<yaml>:2:" in failed.value.message

    asyncio.run(story())
    pulumi.put("values: {a: '${nothing}'}")
    reason, message = failing(cloud.open(PROD))
    assert reason == "DefinitionHasErrors"
    assert message.startswith("Pulumi Cloud could not open environment acme/shop/prod: ")
    assert asyncio.run(cloud.check(PROD)).value is None


def test_revisions_are_listed_over_pages_tagged_opened_and_retracted(pulumi: World) -> None:
    pulumi.cloud.change(page_size=2)
    for number in range(1, 6):
        pulumi.put(f"values: {{n: {number}}}")
    cloud = client(pulumi)

    async def story() -> None:
        assert [each.number for each in await cloud.revisions.list(PROD)] == [6, 5, 4, 3, 2, 1]
        for number, name in enumerate(("stable", "beta", "alpha"), 3):
            await cloud.revision_tags.create(PROD, name, number)
        tags = {tag.name: tag.revision for tag in await cloud.revision_tags.list(PROD)}
        assert tags == {"stable": 3, "beta": 4, "alpha": 5, "latest": 6}
        await cloud.revision_tags.move(PROD, "stable", 4)
        assert (await cloud.revision_tags.read(PROD, "stable")).revision == 4
        session = await cloud.open(PROD, "stable")
        assert (await cloud.read_session(session)).reveal() == {"n": 3}
        await cloud.revisions.retract(PROD, "4", replacement=5, reason="leaked")
        assert (await cloud.revision_tags.read(PROD, "stable")).revision == 5
        retraction = (await cloud.revisions.list(PROD, before=5, most=1))[0].retraction
        assert retraction is not None
        assert (retraction.replacement, retraction.reason) == (5, "leaked")
        await cloud.revision_tags.delete(PROD, "beta")

    asyncio.run(story())
    assert failing(cloud.open(PROD, "4")) == (
        "RevisionRetracted",
        'revision 4 of environment acme/shop/prod was retracted (reason: "leaked"): use revision 5 instead, or a tag',
    )
    assert failing(cloud.open(PROD, "99"))[0] == "VersionNotFound"
    assert failing(cloud.open(PROD, "beta"))[0] == "VersionNotFound"
    assert failing(cloud.revision_tags.read(PROD, "beta"))[0] == "ItemNotFound"
    assert failing(cloud.revision_tags.create(PROD, "stable", 1))[0] == "AlreadyExists"


def test_tags_schedules_and_webhooks_are_made_read_changed_and_deleted(pulumi: World) -> None:
    pulumi.put(TEXT)
    pulumi.cloud.change(page_size=2)
    cloud = client(pulumi)

    async def tags() -> None:
        for name in ("a", "b", "c", "team.name", "z"):
            await cloud.tags.create(PROD, name, f"value of {name}")
        assert [tag.name for tag in await cloud.tags.list(PROD)] == ["a", "b", "c", "team.name", "z"]
        tag = await cloud.tags.read(PROD, "team.name")
        changed = await cloud.tags.update(PROD, tag, name="team", value="other")
        assert (changed.name, changed.value) == ("team", "other")
        with pytest.raises(ProviderError) as missing:
            await cloud.tags.read(PROD, "team.name")
        assert missing.value.reason == "ItemNotFound"
        await cloud.tags.delete(PROD, "team")

    async def schedules() -> None:
        schedule = await cloud.schedules.create(PROD, "0 3 * * *", "database.password")
        assert (schedule.cron, schedule.path) == ("0 3 * * *", "database.password")
        await cloud.schedules.pause(PROD, schedule.id)
        assert (await cloud.schedules.read(PROD, schedule.id)).is_paused
        await cloud.schedules.resume(PROD, schedule.id)
        when = (now() + timedelta(days=1)).replace(microsecond=0)
        assert (await cloud.schedules.update(PROD, schedule.id, when)).once == when
        assert len(await cloud.schedules.list(PROD)) == 1
        assert await cloud.schedules.history(PROD, schedule.id) == ()
        await cloud.schedules.delete(PROD, schedule.id)
        with pytest.raises(ProviderError) as missing:
            await cloud.schedules.read(PROD, schedule.id)
        assert missing.value.reason == "ItemNotFound"

    async def webhooks() -> None:
        chat = Webhook("chat", "Chat", "https://chat.example/", secret="hunter2")
        assert (await cloud.webhooks.create(PROD, chat)).has_secret
        await cloud.webhooks.replace(PROD, chat._replace(display_name="Other", secret=""))
        assert (await cloud.webhooks.read(PROD, "chat")).display_name == "Other"
        delivery = await cloud.webhooks.ping(PROD, "chat")
        assert await cloud.webhooks.deliveries(PROD, "chat") == (delivery,)
        assert len(await cloud.webhooks.list(PROD)) == 1
        await cloud.webhooks.delete(PROD, "chat")

    for story in (tags, schedules, webhooks):
        asyncio.run(story())


def test_secrets_are_rotated_and_what_failed_is_told(pulumi: World) -> None:
    good = "{fn::rotate::numbered: {inputs: {prefix: key-}}}"
    bad = "{fn::rotate::numbered: {inputs: {prefix: key-, failing: no luck}}}"
    pulumi.put(f"values:\n  good: {good}\n  bad: {bad}\n")
    cloud = client(pulumi)
    event = asyncio.run(cloud.rotate(PROD))
    assert (event.status, event.revision) == ("failed", 3)
    assert [(each.path, "no luck" in each.error) for each in event.failed] == [("bad", True)]
    assert asyncio.run(cloud.rotate(PROD, ["good"])).status == "succeeded"
    pulumi.cloud.change(rotation_is_enabled=False)
    reason, message = failing(cloud.rotate(PROD))
    assert reason == "PulumiAccessDenied"
    assert "secret rotation is not enabled for this organization" in message


def test_the_user_and_the_default_organization(pulumi: World) -> None:
    cloud = client(pulumi)
    assert asyncio.run(cloud.user()).login == "ada"
    assert asyncio.run(cloud.default_organization()) == "acme"


def test_an_identity_token_opens_an_environment_and_is_exchanged_again_when_its_token_is_revoked(
    pulumi: World, issuer: LocalIssuer
) -> None:
    pulumi.put(TEXT)
    identity = IdentityToken(issuer.token(SUBJECT, "urn:pulumi:org:acme"), None)
    wanted = TokenRequest("acme", TokenKind.TEAM, "platform", timedelta(hours=1))
    service = api(pulumi)
    reason, message = failing(exchange(service, identity, wanted))
    assert reason == "TokenExchangeRefused"
    assert f"register the issuer {issuer.url} in the organization's OIDC issuers" in message
    pulumi.cloud.trust_issuer("acme", issuer.url, str(issuer.ca_file))
    assert failing(exchange(service, identity, wanted))[0] == "TokenExchangeRefused"
    pulumi.cloud.add_policy("acme", issuer.url, subject="system:serviceaccount:apps:*", kind="team", team="platform")

    async def opens(tokens: Tokens) -> None:
        cloud = PulumiCloud(service, tokens)
        sessions = await asyncio.gather(*(cloud.open(PROD) for _ in range(5)))
        pulumi.cloud.revoke_all()
        await asyncio.gather(*(cloud.read_session(session) for session in sessions))

    pulumi.cloud.forget_requests()
    asyncio.run(opens(RenewedTokens(lambda: exchange(service, identity, wanted), now)))
    assert pulumi.cloud.counts()["POST /api/oauth/token"] == 2
    pulumi.cloud.change(revokes_exchanged=True)
    reason, _ = failing(opens(RenewedTokens(lambda: exchange(service, identity, wanted), now)))
    assert reason == "PulumiTokenRefused"
    expired = IdentityToken(issuer.token(SUBJECT, "urn:pulumi:org:acme", exp=1_000_000_000), None)
    assert failing(exchange(service, expired, wanted))[0] == "TokenExpired"
    assert failing(exchange(service, identity, wanted._replace(organization="other")))[0] == "TokenExchangeRefused"


def test_who_may_not_is_told_what_and_where(pulumi: World) -> None:
    pulumi.put(TEXT)
    reader = client(pulumi, pulumi.cloud.create_token("acme", user="ada", permissions=["read"]))
    assert failing(reader.open(PROD))[0] == "PulumiAccessDenied"
    assert asyncio.run(reader.read(PROD)).revision == 2
    cloud = client(pulumi)
    assert failing(cloud.open(PROD._replace(name="other")))[0] == "EnvironmentNotFound"
    assert failing(cloud.open(PROD._replace(organization="other")))[0] == "OrganizationNotFound"
    assert failing(client(pulumi, "pul-of-nobody").open(PROD))[0] == "PulumiTokenRefused"
    assert failing(cloud.create(PROD))[0] == "AlreadyExists"


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"status": 302, "location": "https://elsewhere.example/"}, "Redirected"),
    ({"body": "<html>Sign in</html>"}, "NotTheAPI"),
    ({"body": "<html>Sign in</html>", "status": 403}, "NotTheAPI"),
    ({"cut_off": True}, "AnswerCutOff"),
    ({"size": 50_000_000}, "AnswerTooLarge"),
    ({"size": 500_000}, "MalformedAnswer"),
    ({"delay": 5}, "AnswerTimeout"),
    ({"trickle": 0.5}, "AnswerTimeout"),
    ({"status": 429, "retry_after": "17"}, "Throttled"),
    ({"status": 500}, "PulumiCloudUnavailable"),
    ({"status": 409}, "EnvironmentChanged"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
def test_each_misbehaviour_has_its_reason(pulumi: World, fault: dict[str, Any], reason: str) -> None:
    pulumi.put(TEXT)
    session = asyncio.run(client(pulumi).open(PROD))
    pulumi.cloud.add_fault(**fault)
    cloud = client(pulumi, seconds=1.0 if reason == "AnswerTimeout" else 20.0)
    for call in (cloud.open(PROD), cloud.read_session(session)):
        told, message = failing(call)
        assert told == reason
        assert pulumi.cloud.url in message or reason == "EnvironmentChanged"


def test_the_operators_fence_is_the_transports(pulumi: World) -> None:
    assert failing(client(pulumi, fence=Fence()).open(PROD))[0] == "URLNotAllowed"


def test_who_cancels_leaves_no_task_and_no_connection_behind(pulumi: World) -> None:
    pulumi.put(TEXT)
    pulumi.cloud.add_fault(delay=30)

    async def story() -> None:
        task = asyncio.create_task(client(pulumi, seconds=60).open(PROD))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())
