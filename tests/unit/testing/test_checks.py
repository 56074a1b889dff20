"""Each check finds what it is for: a provider that breaks its promise fails it, and learns which."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from acme_esc.login import AcmeLogin
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Opened, Secret
from esc_operator.providers.port import HttpRequest
from esc_operator.testing import Failure, Trial, checks, json_answer
from unit.testing.acme import GRANTED, TRIAL, UNTRUSTED, changed, outcomes

if TYPE_CHECKING:
    from collections.abc import Callable


class Spoiled(AcmeLogin):
    async def given(self, inputs: Any, context: Any) -> Opened:
        return await AcmeLogin.open(self, inputs, context)


class BadSchema(Spoiled):
    inputs = MappingProxyType({**AcmeLogin.inputs, "type": "objekt"})


class Untyped(Spoiled):
    inputs = MappingProxyType(
        {"type": "object", "properties": {**AcmeLogin.inputs["properties"], "extra": {"title": "extra"}}}
    )


class WrongValue(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        return (await self.given(inputs, context))._replace(value={"token": 7})


class NotSecret(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        return (await self.given(inputs, context))._replace(secret=False)


class HalfSecret(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        opened = await self.given(inputs, context)
        value = {**opened.value, "token": Secret(opened.value["token"]), "copy": f"Bearer {GRANTED}"}
        return opened._replace(value=value, secret=False)


class NoLease(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        return (await self.given(inputs, context))._replace(lease=None)


class LateLease(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        opened = await self.given(inputs, context)
        assert opened.lease is not None
        return opened._replace(lease=opened.lease._replace(issued_at=context.now()))


class OtherAudience(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        await context.identity.token("another")
        return await self.given(inputs, context)


class KeepsQuiet(Spoiled):
    def login(self, inputs: Any) -> Any:
        del inputs


class HidesThatItGives(Spoiled):
    exchanged_audiences = ("acme",)

    def login(self, inputs: Any) -> Any:
        login = AcmeLogin.login(self, inputs)
        assert login is not None
        return login._replace(gives_token=False)


class UndeclaredHost(Spoiled):
    host_inputs = ()  # type: ignore[assignment]


class OtherEndpoint(Spoiled):
    def endpoint(self, inputs: Any, _: Any) -> str:
        del inputs
        return "another.example.com"


class AsksByItself(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        return await self.given(inputs, context)


class LooksAround(Spoiled):
    def problems(self, inputs: Any) -> Any:
        return iter(()) if inputs["account"].startswith("w") else super().problems(inputs)


class Crashes(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        answer = await context.send(HttpRequest("POST", f"{inputs['address']}/v1/token"))
        return Opened({"token": json.loads(answer.body)["token"], "expiresAt": ""})


class Trusts(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        opened = await self.given(inputs, context)
        answer = await context.send(HttpRequest("GET", f"{inputs['address']}/v1/name"))
        with contextlib.suppress(ValueError, AttributeError):
            opened.value["token"] = json.loads(answer.body).get("token")
        return opened


class Follows(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        answer = await context.send(HttpRequest("POST", f"{inputs['address']}/v1/token"))
        if answer.status in {301, 302, 307, 308}:
            await context.send(HttpRequest("POST", answer.headers["location"]))
        return await self.given(inputs, context)


class Repeats(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        token = await context.identity.token("acme")
        body = json.dumps({"identity": token.reveal()}).encode()
        answer = await context.send(HttpRequest("POST", f"{inputs['address']}/v1/token", body=body))
        if answer.status == 400:
            raise ProviderError(f"Acme says: {answer.body.decode()}")
        return await self.given(inputs, context)


class Logs(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        opened = await self.given(inputs, context)
        logging.getLogger("acme").debug("got %s", opened.value)
        return opened


class ShowsCause(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        try:
            raise ValueError(GRANTED)  # noqa: TRY301
        except ValueError:
            raise ProviderError("no") from None


class HidesOutages(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        try:
            return await self.given(inputs, context)
        except ProviderError as error:
            raise ProviderError(error.message, reason=error.reason) from None


class SwallowsCancellation(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        try:
            return await self.given(inputs, context)
        except asyncio.CancelledError:
            return Opened({"token": "", "expiresAt": ""})


class LeavesTasks(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        self.left = asyncio.create_task(asyncio.sleep(60))
        return await self.given(inputs, context)


class RenewsInHope(Spoiled):
    async def open(self, inputs: Any, context: Any) -> Opened:
        return (await self.given(inputs, context))._replace(renewal="hope")

    async def renew(self, inputs: Any, opened: Opened, context: Any) -> Opened:
        answer = await context.send(HttpRequest("POST", f"{inputs['address']}/v1/renew"))
        return opened._replace(value={"token": json.loads(answer.body)["token"]})

    async def revoke(self, inputs: Any, opened: Opened, context: Any) -> None:
        """Nothing can be revoked."""


SPOILED: list[tuple[type[AcmeLogin], str, str]] = [
    (BadSchema, "its schemas are well-formed and describe each part", "unknown type"),
    (Untyped, "its schemas are well-formed and describe each part", "extra says nothing of its type"),
    (WrongValue, "the happy path gives what its schema says", "does not match the schema"),
    (NotSecret, "its secrets are secret in the value", "1 texts of the value hold a secret"),
    (HalfSecret, "its secrets are secret in the value", "1 texts of the value hold a secret"),
    (NoLease, "the lease says how long the value is valid", "it would never be renewed"),
    (LateLease, "the lease says how long the value is valid", "the time before the first request"),
    (OtherAudience, "it names its login, its endpoint and its account", "declares acme"),
    (KeepsQuiet, "it names its login, its endpoint and its account", "says that it presents none"),
    (HidesThatItGives, "it names its login, its endpoint and its account", "`gives_token`"),
    (UndeclaredHost, "a host is named by the inputs that it declares, and by no other", "address changes the endpoint"),
    (OtherEndpoint, "it names its login, its endpoint and its account", "not another.example.com"),
    (AsksByItself, "the happy path gives what its schema says", "send through the context"),
    (AsksByItself, "its hosts are behind the fence", "send through the context"),
    (LooksAround, "looking at inputs makes no request and never fails", "'Unseen' object"),
    (RenewsInHope, "a renewal survives whatever answers", "Expecting value"),
    (Crashes, "what is not an answer of its service is malformed", "JSONDecodeError at"),
    (Trusts, "no part of an answer is taken on trust", "does not match the schema"),
    (Follows, "a redirect is not followed", "it followed a redirect"),
    (Repeats, "nothing that it sends or gets is repeated", "shows"),
    (Logs, "the happy path gives what its schema says", "the secret that ends with 'ken' shows"),
    (ShowsCause, "the lease says how long the value is valid", "the secret that ends with 'ken' shows"),
    (HidesOutages, "a service that cannot be reached is an outage", "this is an outage"),
    (HidesOutages, "throttling is declared, with its Retry-After", "429 is throttling"),
    (HidesOutages, "an outage is declared", "502 is an outage"),
    (SwallowsCancellation, "it can be cancelled at any request", "swallowed the cancellation"),
    (LeavesTasks, "the happy path gives what its schema says", "it left tasks behind"),
]


def failing(trial: Trial, name: str) -> str:
    (check,) = [check for check in checks(trial) if check.name == name]
    with pytest.raises((AssertionError, ValueError, TypeError, AttributeError)) as caught:
        check()
    return str(caught.value)


def test_the_template_passes_all_of_them() -> None:
    assert outcomes(changed(failures=[UNTRUSTED])) == {}


@pytest.mark.parametrize(
    ("plugin", "name", "words"), SPOILED, ids=[f"{plugin.__name__}: {name}" for plugin, name, _ in SPOILED]
)
def test_a_provider_that_breaks_a_promise_is_told_which(plugin: type[AcmeLogin], name: str, words: str) -> None:
    assert words in failing(changed(plugin=plugin), name)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (dataclasses.replace(UNTRUSTED, reason="Other"), "the reason is IdentityTokenRefused, not Other"),
        (dataclasses.replace(UNTRUSTED, says=["never said"]), "does not say ['never said']"),
        (dataclasses.replace(UNTRUSTED, outage=True), "outage"),
        (dataclasses.replace(UNTRUSTED, at=3), "it succeeded"),
        (Failure(name="good inputs", reason="InvalidInputs", inputs=TRIAL.inputs), "it succeeded"),
    ],
)
def test_an_error_table_that_is_not_true_is_found(failure: Failure, words: str) -> None:
    assert words in failing(changed(failures=[failure]), failure.name)


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"secrets": ["nowhere to be found"]}, "the secrets of the trial take part in it", "is in no input"),
        ({"secrets": ["web"]}, "the secrets of the trial take part in it", "a secret of 3 characters"),
        ({"lease": None}, "the lease says how long the value is valid", "says that the value does not expire"),
        ({"answers": []}, "the happy path gives what its schema says", "it failed"),
    ],
)
def test_a_trial_that_proves_nothing_is_found(fields: dict[str, Any], name: str, words: str) -> None:
    assert words in failing(changed(**fields), name)


def test_whoever_makes_no_request_is_not_tried_with_answers() -> None:
    class Still(AcmeLogin):
        async def open(self, inputs: Any, context: Any) -> Opened:
            del inputs, context
            return Opened({"token": "t", "expiresAt": ""})

        def login(self, inputs: Any) -> Any:
            del inputs

    trial = changed(plugin=Still, answers=(), secrets=(), lease=None, inputs={"address": "https://a", "account": "w"})
    kinds = {check.kind for check in checks(trial)}
    assert "timeout" not in kinds
    assert "schema" in kinds


def test_no_message_of_a_check_shows_the_secret() -> None:
    for plugin, name, _ in SPOILED:
        assert GRANTED not in failing(changed(plugin=plugin), name)


def test_a_check_has_a_name_for_pytest() -> None:
    named: Callable[[Any], str] = str
    assert named(checks(TRIAL)[0]) == "acme-login: its schemas are well-formed and describe each part"
    assert named(checks(changed(title="again"))[0]).startswith("acme-login (again): ")


def test_what_a_check_saw_is_what_a_user_reads() -> None:
    (check,) = [check for check in checks(changed(failures=[UNTRUSTED])) if check.name == UNTRUSTED.name]
    (seen,) = check()
    assert (seen.reason, "trusted identities" in seen.message) == ("IdentityTokenRefused", True)


def test_an_answer_in_json_has_headers_by_their_names() -> None:
    answer = json_answer({}, 429, retry_after="7")
    assert answer.headers == {"content-type": "application/json", "retry-after": "7"}
