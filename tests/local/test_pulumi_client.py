"""The operator's own client of Pulumi Cloud against the local one: all it can do, over TLS."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pytest

from esc_operator.driver.outbound import Outbound
from esc_operator.errors import ProviderError
from esc_operator.providers.port import IdentityToken
from esc_operator.stores.pulumi import reasons
from esc_operator.stores.pulumi.client import PulumiCloud
from esc_operator.stores.pulumi.exchange import TokenKind, TokenRequest, exchange
from esc_operator.stores.pulumi.failures import DefinitionError
from esc_operator.stores.pulumi.names import EnvironmentName
from esc_operator.stores.pulumi.records import CloneOptions
from esc_operator.stores.pulumi.sending import ONE_TRY, Api
from esc_operator.stores.pulumi.tokens import AccessToken, GivenToken
from esc_operator.stores.pulumi.webhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from local.pulumi_world import World
    from local_issuer import LocalIssuer

T = TypeVar("T")

SHOP = EnvironmentName("acme", "shop", "prod")
ROTATING = "values:\n  a: {fn::secret: hunter2}\n  key: {'fn::rotate::numbered': {inputs: {prefix: key-}}}\n"


def api(world: World) -> Api:
    settings = {"SSL_CERT_FILE": str(world.cloud.ca_file)}
    return Api(world.cloud.url, Outbound(None, settings).send, lambda: datetime.now(UTC), ONE_TRY)


def client(world: World, token: str = "") -> PulumiCloud:
    return PulumiCloud(api(world), GivenToken(AccessToken(token or world.token)))


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def reason_of(work: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(ProviderError) as refused:
        run(work)
    return refused.value.reason


def test_an_exchanged_token_opens_and_reads_in_two_requests(pulumi: World, issuer: LocalIssuer) -> None:
    pulumi.put("values: {a: {fn::secret: hunter2}, b: [1, null]}")
    pulumi.cloud.trust_issuer("acme", issuer.url, str(issuer.ca_file))
    pulumi.cloud.add_policy("acme", issuer.url, subject="system:serviceaccount:apps:*", kind="team", team="platform")
    identity = IdentityToken(issuer.token("system:serviceaccount:apps:web", "urn:pulumi:org:acme"), None)
    token = run(exchange(api(pulumi), identity, TokenRequest("acme", TokenKind.TEAM, "platform")))
    cloud = client(pulumi, token.reveal())
    pulumi.cloud.forget_requests()
    session = run(cloud.open(SHOP))
    value = run(cloud.read_session(session))
    assert (session.revision, value.reveal()) == (2, {"a": "hunter2", "b": [1, None]})
    assert value.properties["a"].is_secret
    assert [(one.method, one.token, one.status) for one in pulumi.cloud.requests()] == [
        ("POST", "team", 200),
        ("GET", "team", 200),
    ]
    assert reason_of(exchange(api(pulumi), identity, TokenRequest("acme"))) == reasons.EXCHANGE_REFUSED


def test_definitions_are_written_read_checked_and_rotated(pulumi: World) -> None:
    cloud = client(pulumi)
    run(cloud.create(SHOP))
    assert reason_of(cloud.create(SHOP)) == reasons.ALREADY_EXISTS
    empty = run(cloud.read(SHOP))
    assert (empty.text, empty.revision) == ("", 1)
    assert run(cloud.update(SHOP, ROTATING, etag=empty.etag)).revision == 2
    assert reason_of(cloud.update(SHOP, "values: {}", etag=empty.etag)) == reasons.ENVIRONMENT_CHANGED
    assert "hunter2" not in run(cloud.read(SHOP)).text
    assert run(cloud.read(SHOP, decrypted=True)).text == ROTATING
    assert run(cloud.check(SHOP)).diagnostics == ()
    (diagnostic,) = run(cloud.check_text("acme", "values:\n  a: ${b}\n")).diagnostics
    assert diagnostic.range is not None
    assert (diagnostic.summary, diagnostic.range.begin.line) == ('unknown property "b"', 2)
    with pytest.raises(DefinitionError, match="unknown property"):
        run(cloud.update(SHOP, "values:\n  a: ${b}\n"))
    event = run(cloud.rotate(SHOP, ["key"]))
    assert (event.status, event.revision, [one.path for one in event.rotations]) == ("succeeded", 3, ["key"])
    text = run(cloud.open_text("acme", "values: {a: 1}"))
    assert run(cloud.read_session(text, "a")).reveal() == 1
    pulumi.cloud.end_sessions()
    assert reason_of(cloud.read_session(text)) == reasons.SESSION_NOT_FOUND


def test_versions_tags_and_retractions(pulumi: World) -> None:
    for number in (2, 3, 4):
        pulumi.put(f"values: {{a: {number}}}")
    pulumi.cloud.change(page_size=2)
    cloud = client(pulumi)
    assert [one.number for one in run(cloud.revisions.list(SHOP))] == [4, 3, 2, 1]
    run(cloud.revision_tags.create(SHOP, "stable", 3))
    run(cloud.revision_tags.move(SHOP, "stable", 2))
    assert {tag.name: tag.revision for tag in run(cloud.revision_tags.list(SHOP))} == {"latest": 4, "stable": 2}
    assert run(cloud.open(SHOP, "stable")).revision == 2
    run(cloud.revisions.retract(SHOP, "2", replacement=3, reason="leaked"))
    assert run(cloud.open(SHOP, "stable")).revision == 3
    with pytest.raises(ProviderError, match=r'was retracted \(reason: "leaked"\): use revision 3 instead') as refused:
        run(cloud.open(SHOP, "2"))
    assert refused.value.reason == reasons.REVISION_RETRACTED
    assert reason_of(cloud.open(SHOP, "9")) == reasons.VERSION_NOT_FOUND
    run(cloud.revision_tags.delete(SHOP, "stable"))
    for name in ("a", "b", "c"):
        run(cloud.tags.create(SHOP, name, "1"))
    changed = run(cloud.tags.update(SHOP, run(cloud.tags.read(SHOP, "c")), name="d", value="2"))
    assert (changed.name, changed.value) == ("d", "2")
    assert [tag.name for tag in run(cloud.tags.list(SHOP))] == ["a", "b", "d"]
    run(cloud.tags.delete(SHOP, "d"))


def test_what_is_beside_an_environment(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    pulumi.cloud.change(page_size=1)
    cloud = client(pulumi)
    schedule = run(cloud.schedules.create(SHOP, "0 3 * * *", "a.b"))
    assert (schedule.cron, schedule.path, run(cloud.schedules.list(SHOP))) == ("0 3 * * *", "a.b", (schedule,))
    run(cloud.schedules.pause(SHOP, schedule.id))
    assert run(cloud.schedules.read(SHOP, schedule.id)).is_paused
    run(cloud.schedules.resume(SHOP, schedule.id))
    assert run(cloud.schedules.history(SHOP, schedule.id)) == ()
    run(cloud.schedules.delete(SHOP, schedule.id))
    hook = run(cloud.webhooks.create(SHOP, Webhook("chat", "Chat", "https://chat.example/", secret="hunter2")))
    assert hook.has_secret
    assert run(cloud.webhooks.list(SHOP)) == (hook,)
    delivery = run(cloud.webhooks.ping(SHOP, "chat"))
    assert run(cloud.webhooks.deliveries(SHOP, "chat")) == (delivery,)
    run(cloud.webhooks.delete(SHOP, "chat"))
    run(cloud.clone(SHOP, "back", "prod", CloneOptions(history=True)))
    assert [str(one.name) for one in run(cloud.list("acme"))] == ["acme/back/prod", "acme/shop/prod"]
    run(cloud.protect_from_deletion(SHOP, protected=True))
    assert run(cloud.is_deletion_protected(SHOP))
    assert reason_of(cloud.delete(SHOP)) == reasons.DELETION_PROTECTED
    run(cloud.protect_from_deletion(SHOP, protected=False))
    run(cloud.delete(SHOP))
    assert reason_of(cloud.open(SHOP)) == reasons.ENVIRONMENT_NOT_FOUND
    assert run(cloud.user()).login == "ada"
    assert run(cloud.default_organization()) == "acme"
