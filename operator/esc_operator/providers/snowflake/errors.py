"""Snowflake's refusals, as reasons and advice. Pure.

A rule looks for Snowflake's code, which stands before its words, as in `002003: SQL compilation error`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.providers import json_api
from esc_operator.providers import reasons as common
from esc_operator.providers.json_api import has
from esc_operator.providers.refusals import Refusal, Rule
from esc_operator.providers.snowflake import reasons
from esc_operator.providers.snowflake.names import quoted

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.providers.json_api import Reply


@dataclass(frozen=True, slots=True)
class Asked(json_api.Asked):
    """A statement about a user, whose keys are replaced by a login with a key or with a token."""

    user: str = ""
    login: str = ""
    by_key: bool = True

    @property
    def grant(self) -> str:
        return f"GRANT OWNERSHIP ON USER {quoted(self.user)} to the login's role"


def asked_of(host: str, user: str, login: str, *, by_key: bool) -> Asked:
    return Asked(host, f"the keys of the user {user}", "login.account", user, login, by_key)


def explain_refusal(reply: Reply, asked: Asked, now: datetime) -> ProviderError:
    if reply.status == 404:
        # What answers for an account that is not there need not be Snowflake.
        message = f"there is no account at {asked.host}: correct `login.account`"
        return ProviderError(message, reason=reasons.ACCOUNT_MISSING)
    content = reply.content or {}
    code, words = content.get("code"), content.get("message")
    known = isinstance(code, str) and code.isalnum()
    return json_api.translate(_RULES, reply, f"{code}: {words}" if known else words, asked, now)


def unknown_keys(asked: Asked) -> ProviderError:
    return ProviderError(
        f"both keys of the user {asked.user} at {asked.host} are ones that this environment did not make, so it"
        f" replaces neither: run ALTER USER {quoted(asked.user)} UNSET RSA_PUBLIC_KEY_2 if nobody uses that one, and"
        " rotate again",
        reason=reasons.UNKNOWN_KEYS,
    )


def _advise_late(asked: Asked, _: Refusal) -> str:
    return f"{asked.host} did not finish in time; this is tried again later"


def _advise_network(asked: Asked, _: Refusal) -> str:
    return f"a network policy at {asked.host} does not admit the operator's address: add it for the user {asked.login}"


def _advise_login(asked: Asked, refusal: Refusal) -> str:
    advice = (
        "`login.privateKey`: its public key has to be RSA_PUBLIC_KEY or RSA_PUBLIC_KEY_2 of that user, and the clocks"
        " have to agree"
        if asked.by_key
        else "`login.token`: it has expired, or an identity token's issuer and subject are not the user's"
        " WORKLOAD_IDENTITY (and `login.authenticator` has to say WORKLOAD_IDENTITY)"
    )
    return f"{asked.host} does not accept the user {asked.login} with {advice} (Snowflake says: {refusal.text})"


def _advise_user(asked: Asked, _: Refusal) -> str:
    missing = f"{asked.host} has no user {asked.user}, or {asked.login} may not see it"
    return f"{missing}: correct `targetUser`, or {asked.grant}"


def _advise_permission(asked: Asked, _: Refusal) -> str:
    return f"{asked.login} may not change the keys of the user {asked.user} at {asked.host}: {asked.grant}"


_RULES: tuple[Rule[Asked], ...] = (
    Rule(has(202), common.SERVICE_UNAVAILABLE, _advise_late, outage=True),
    Rule(has(408), common.SERVICE_UNAVAILABLE, _advise_late, outage=True),
    Rule(has(401, 403, words="390420:"), reasons.NETWORK_REFUSED, _advise_network),
    Rule(has(401, 403, words="390422:"), reasons.NETWORK_REFUSED, _advise_network),
    Rule(has(401, 403), reasons.LOGIN_REFUSED, _advise_login),
    Rule(has(422, words="002003:"), reasons.USER_MISSING, _advise_user),
    Rule(has(422, words="003001:"), reasons.PERMISSION_DENIED, _advise_permission),
)
"""Before those that all services share."""
