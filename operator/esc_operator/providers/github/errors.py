"""The one translator of GitHub's refusals: from a status and its words to a reason and what to fix. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.providers import login_reasons
from esc_operator.providers.github import reasons
from esc_operator.providers.json_api import Asked, has, translate
from esc_operator.providers.refusals import Refusal, Rule, advise_throttled

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.errors import ProviderError
    from esc_operator.providers.json_api import Reply


@dataclass(frozen=True, slots=True)
class AsApp(Asked):
    """One request as an App."""

    app: str = ""
    owner: str = ""
    repositories: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        return f"the GitHub App {self.app}"


def refused(reply: Reply, asked: AsApp, now: datetime) -> ProviderError:
    """The error for an answer that is not the expected one."""
    error = translate(_RULES, reply, _words(reply), asked, now)
    if error.throttled and error.retry_after is None:
        error.retry_after = _until_reset(reply.headers.get("x-ratelimit-reset", ""), now)
    return error


def _words(reply: Reply) -> str:
    message = (reply.content or {}).get("message")
    return message if isinstance(message, str) else ""


def _until_reset(text: Any, now: datetime) -> float | None:
    """The seconds until GitHub counts calls anew: it names the time, in seconds since 1970."""
    if not (isinstance(text, str) and text.isdecimal() and len(text) < 12):
        return None
    seconds = float(text) - now.timestamp()
    return math.ceil(seconds) if seconds > 0 else None


def _advise_key(asked: AsApp, refusal: Refusal) -> str:
    return (
        f"{asked.host} does not accept `privateKey` as a key of {asked.named}: it is that of another App, or was"
        f" deleted, or `appId` is wrong (it says: {refusal.text})"
    )


def _advise_clock(asked: AsApp, refusal: Refusal) -> str:
    return f"{asked.host} says that the clock here is wrong: correct it (it says: {refusal.text})"


def _advise_suspended(asked: AsApp, _: Refusal) -> str:
    return (
        f"the installation of {asked.named} on {asked.owner} at {asked.host} is suspended: an owner of {asked.owner}"
        " has to unsuspend it in its settings"
    )


def _advise_installation(asked: AsApp, _: Refusal) -> str:
    return (
        f"{asked.named} is not installed on {asked.owner} at {asked.host}: install it there, or correct `owner`, which"
        " is the name of an organization or of a user"
    )


def _advise_repositories(asked: AsApp, _: Refusal) -> str:
    return (
        f"the installation of {asked.named} on {asked.owner} at {asked.host} has no access to at least one of"
        f" {', '.join(asked.repositories)}: correct `repositories`, which are names without the owner, or give the"
        " installation access to them"
    )


def _advise_permissions(asked: AsApp, _: Refusal) -> str:
    return (
        f"the installation of {asked.named} on {asked.owner} at {asked.host} does not have all of the permissions"
        f" {', '.join(asked.permissions)}: give them to the App, and accept them for {asked.owner}; or correct"
        " `permissions`"
    )


_RULES: tuple[Rule[AsApp], ...] = (
    Rule(has(403, 429, words="rate limit"), login_reasons.THROTTLED, advise_throttled, throttled=True),
    Rule(has(403, words="suspended"), reasons.SUSPENDED, _advise_suspended),
    Rule(has(401, words="'Expiration time' claim"), reasons.KEY_REFUSED, _advise_clock),
    Rule(has(401, words="'Issued at' claim"), reasons.KEY_REFUSED, _advise_clock),
    Rule(has(401), reasons.KEY_REFUSED, _advise_key),
    Rule(has(404), reasons.NOT_INSTALLED, _advise_installation),
    Rule(has(422, words="repositor"), reasons.REPOSITORY_MISSING, _advise_repositories),
    Rule(has(422, words="permission"), reasons.PERMISSION_MISSING, _advise_permissions),
)
