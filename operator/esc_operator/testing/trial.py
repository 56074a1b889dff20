"""A trial: what an author declares of a provider or rotator, so that all checks can run on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.testing.fakes import FakeIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from esc_operator.providers.port import HttpAnswer, HttpRequest

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Service(Protocol):
    """The service behind a provider, as far as a trial needs it. Header names of requests are in lower case."""

    def __call__(self, request: HttpRequest) -> HttpAnswer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A row of the provider's error table: `name` says what is wrong, in the words of the vendor's documentation.

    With `answer`, the service gives it to the request number `at` (from 0) and to all that follow. `inputs` and
    `identity` replace those of the trial. With `plugin`, that one is called in place of the trial's: one with an SDK
    that fails, where a service cannot be imitated. The error has this `reason`, and its message has each text of
    `says`.
    `throttled` and `outage` are what the error declares (`errors.ProviderError`).
    """

    name: str
    reason: str
    says: Sequence[str] = ()
    answer: HttpAnswer | None = None
    at: int = 0
    inputs: Mapping[str, Any] | None = None
    plugin: Callable[[], Any] | None = None
    identity: Callable[[], FakeIdentity] | None = None
    outage: bool = False
    throttled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One way of calling a plug-in; one plug-in may have several trials, which `title` tells apart.

    `plugin` makes a new Provider or Rotator. `inputs` are complete, and lead to the happy path. `service` makes a new
    service, of which the plug-in asks everything; `answers` are a short form, given one after the other. With neither,
    the plug-in makes no requests. `secrets` are the texts in the inputs, the state and the answers that no message may
    show; each must have 8 characters or more. `lease` is how long the value is valid if the happy path happens at
    `NOON`; None if it does not expire. `failures` is the error table. `quotes` is a refusal of the service that repeats
    the given text, `throttled` how it limits calls (429 and nothing).

    A plug-in that sends through `context.send` needs no more. One with an HTTP client of its own is asked for
    `settings`: those with which it sends to the given URL of a server on loopback, over TLS if `tls`. `hasty` makes one
    whose time limits are a part of a second, for the check that it has any.

    `identity` makes whoever opens it: for a plug-in that asks its identity for more than tokens (`FakeIdentity`).
    `state` is a rotator's, after its first rotation. `differs` has the places in which the schema differs on purpose
    from the public one of the same name, such as `inputs.oidc.duration`, with the reason. `counterpart` says what else
    this plug-in was tried with: `real OpenBao 2.7.2`, `emulator moto 5.2`, `stand-in`.
    """

    plugin: Callable[[], Any]
    inputs: Mapping[str, Any]
    title: str = ""
    service: Callable[[], Service] | None = None
    answers: Sequence[HttpAnswer] = ()
    secrets: Sequence[str] = ()
    lease: timedelta | None = None
    failures: Sequence[Failure] = ()
    quotes: Callable[[str], HttpAnswer] | None = None
    throttled: HttpAnswer | None = None
    settings: Callable[[str], Mapping[str, str]] | None = None
    tls: bool = False
    hasty: Callable[[], Any] | None = None
    identity: Callable[[], FakeIdentity] | None = None
    state: Mapping[str, Any] | None = None
    differs: Mapping[str, str] = field(default_factory=dict)
    counterpart: str = ""

    @property
    def makes_requests(self) -> bool:
        return self.service is not None or bool(self.answers)

    def new_identity(self) -> FakeIdentity:
        return self.identity() if self.identity is not None else FakeIdentity()

    def new_service(self) -> Service:
        return self.service() if self.service is not None else InOrder(self.answers)


class InOrder:
    """A service that gives its answers one after the other, and the last one again and again."""

    def __init__(self, answers: Sequence[HttpAnswer]) -> None:
        self._answers = answers
        self._given = 0

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        del request
        self._given += 1
        return self._answers[min(self._given, len(self._answers)) - 1]
