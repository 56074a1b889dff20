"""One request to an adapter: who is asked, how it knows who asks, and what its answer means.

The adapter gets a token of the environment's identity whose audience is its URL. Such a token has the claims of a
ServiceAccount: no `body_hash`, and nothing of the environment. So it proves who asks, and not what for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from esc_operator.evaluation import InputProblem, Login
from esc_operator.providers import reasons as common
from esc_operator.providers.claims import forgotten_account, trusted_subject, unverified_claims
from esc_operator.providers.external import reasons
from esc_operator.providers.identities import NOBODY
from esc_operator.providers.json_api import Asked, ask, has, malformed, request, translate
from esc_operator.providers.login_inputs import refuse
from esc_operator.providers.refusals import Refusal, Rule
from esc_operator.providers.token_endpoints import host_of, is_https

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.providers.claims import Claims
    from esc_operator.providers.port import OpenContext

URL: Mapping[str, Any] = {
    "type": "string",
    "pattern": "^https://",
    "description": "The URL of the adapter, which is also the audience of the identity token.",
}
REQUEST: Mapping[str, Any] = {"type": "object", "default": {}, "description": "What the adapter is asked."}


@dataclass(frozen=True, slots=True)
class _AskedAdapter(Asked):
    claims: Claims = NOBODY


class Adapted:
    """What the provider and the rotator have in common: the adapter at `url`, and the login there."""

    name: ClassVar[str] = "external"
    host_inputs: ClassVar[tuple[str, ...]] = ("url",)

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        refuse(self.problems(inputs))
        return host_of(inputs["url"])

    def account(self, inputs: Mapping[str, Any]) -> str:
        del inputs
        return ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """The role is the URL without its query."""
        refuse(self.problems(inputs))
        return Login(inputs["url"].partition("?")[0], inputs["url"], gives_token=True)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        url = inputs.get("url")
        if not isinstance(url, str):
            return
        parts = urlsplit(url) if is_https(url) else None
        if parts is None or parts.username is not None or parts.fragment or not url.isascii() or " " in url:
            message = "`url` is not the URL of an adapter: write one such as https://adapter.example.com/secrets"
            yield InputProblem(("url",), message, common.INVALID_INPUTS)


async def ask_adapter(url: str, body: Mapping[str, Any], context: OpenContext) -> Mapping[str, Any]:
    """The JSON object that it answers. Raises ProviderError, without the adapter's words: they may quote what it was
    sent."""
    identity = await context.identity.token(url)
    asked = _AskedAdapter(host_of(url), "the request", "url", unverified_claims(identity))
    reply = await ask(context, request("POST", url, bearer=identity.reveal(), body=body))
    if reply.status != 200:
        # An adapter may refuse with any text.
        raise translate(_RULES, reply._replace(content=reply.content or {}), "", asked, context.now())
    if not reply.content:
        raise malformed(asked, "it is not a JSON object with properties")
    return reply.content


def _advise_token(asked: _AskedAdapter, _: Refusal) -> str:
    claims = asked.claims
    return (
        f"the adapter at {asked.host} does not accept the identity token: it has to trust the issuer {claims.issuer}"
        f" and the audience {', '.join(claims.audiences)}. A cluster's token has no `body_hash` and no claims of an"
        " environment, so it must not require them"
    )


def _advise_access(asked: _AskedAdapter, _: Refusal) -> str:
    return (
        f"{forgotten_account(asked.claims)}the adapter at {asked.host} does not serve {asked.claims.subject}: let it"
        f" serve {trusted_subject(asked.claims)}"
    )


def _advise_missing(asked: _AskedAdapter, _: Refusal) -> str:
    return f"there is no adapter at `url` ({asked.host}), or it takes no POST: correct its path"


def _advise_request(asked: _AskedAdapter, refusal: Refusal) -> str:
    return f"the adapter at {asked.host} refuses the request ({refusal.status}): correct `request`; its log may say why"


def _advise_success(asked: _AskedAdapter, refusal: Refusal) -> str:
    return f"the adapter at {asked.host} answered with the status {refusal.status}: it has to be 200"


_RULES: tuple[Rule[_AskedAdapter], ...] = (
    Rule(has(401), reasons.TOKEN_REFUSED, _advise_token),
    Rule(has(403), reasons.ACCESS_DENIED, _advise_access),
    Rule(has(404, 405, 410), reasons.MISSING, _advise_missing),
    Rule(has(*range(200, 300)), common.MALFORMED_ANSWER, _advise_success, outage=True),
    Rule(has(*range(400, 429), *range(430, 500)), reasons.REQUEST_REFUSED, _advise_request),
)
