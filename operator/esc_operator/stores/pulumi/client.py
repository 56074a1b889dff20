"""The client: one method an operation on environments. What an environment has beside it is in modules of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from esc_operator.errors import ProviderError
from esc_operator.schema import free
from esc_operator.stores.pulumi.answers import DamagedError, Fields, read_json
from esc_operator.stores.pulumi.diagnostics import read_diagnostics
from esc_operator.stores.pulumi.names import check_segment, check_version
from esc_operator.stores.pulumi.records import Session
from esc_operator.stores.pulumi.requests import Asked, Call
from esc_operator.stores.pulumi.sending import Calls
from esc_operator.stores.pulumi.values import environment_value, property_value

if TYPE_CHECKING:
    from esc_operator.evaluation import Value
    from esc_operator.providers.port import HttpAnswer
    from esc_operator.schema import Charge
    from esc_operator.stores.pulumi.names import EnvironmentName
    from esc_operator.stores.pulumi.sending import Api
    from esc_operator.stores.pulumi.tokens import Tokens

DEFAULT_DURATION: Final = timedelta(hours=2)
"""How long a session can be read, if the caller does not say."""


class PulumiCloud:
    """The API, for the user whose token it is. Every method raises ProviderError, and what `tokens` raises."""

    def __init__(self, api: Api, tokens: Tokens) -> None:
        self._calls = Calls(api, tokens)

    async def open(
        self, environment: EnvironmentName, version: str = "", duration: timedelta = DEFAULT_DURATION
    ) -> Session:
        """Evaluate an environment, with all that it imports and logs in to, and keep the values for `duration`.

        `version` is a revision or a tag, "" the latest. Raises DefinitionError if the service found errors in it.
        """
        path = _at_version(environment, version)
        asked = _about("open", environment, version)
        call = Call(asked, "POST", (*path, "open"), {"duration": go_duration(duration)}, body=b"")
        base = (*environment.path(), "open")
        return await self._calls.read(call, lambda answer: _session(answer, base, asked))

    async def read_session(self, session: Session, property_path: str = "", *, charge: Charge = free) -> Value:
        """The values of an opened environment, or of one property (`aws.login`). `charge` is paid for all that is made
        of the answer, before it is made."""
        action = f"read opened environment {session.name}"
        if not property_path:
            asked = Asked(action, session.organization, session.name, thing="session", missing="session")
            return await self._calls.read(
                Call(asked, "GET", session.path),
                lambda answer: environment_value(read_json(answer.body), charge=charge),
            )
        thing = f"property {property_path}"
        asked = Asked(f"{action}, {thing}", session.organization, session.name, thing=thing, missing="property")
        return await self._calls.read(
            Call(asked, "GET", session.path, {"property": property_path}),
            lambda answer: property_value(read_json(answer.body), charge=charge),
        )


def go_duration(duration: timedelta) -> str:
    """A duration as Go writes it: `2h0m0s`."""
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600}h{seconds // 60 % 60}m{seconds % 60}s"


def _about(verb: str, environment: EnvironmentName, version: str = "") -> Asked:
    name = str(environment)
    shown = f"{name}@{version}" if version else name
    return Asked(f"{verb} environment {shown}", environment.organization, name, version)


def _at_version(environment: EnvironmentName, version: str) -> tuple[str, ...]:
    path = environment.path()
    return (*path, "versions", check_version(version)) if version else path


def _session(answer: HttpAnswer, path: tuple[str, ...], asked: Asked) -> Session:
    fields = Fields(read_json(answer.body))
    try:
        identifier = check_segment("session", fields.filled("id"))
    except ProviderError:
        raise DamagedError("id cannot be one of a session") from None
    return Session(
        (*path, identifier),
        asked.organization,
        asked.environment,
        _revision(answer),
        read_diagnostics(fields.list("diagnostics")),
    )


def _revision(answer: HttpAnswer) -> int | None:
    text = answer.headers.get("pulumi-esc-revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
