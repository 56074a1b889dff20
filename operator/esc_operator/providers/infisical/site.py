"""Which Infisical is meant, and the words of its refusals. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.providers.addresses import origin_problems, parse_origin
from esc_operator.providers.login_inputs import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import InputProblem
    from esc_operator.providers.json_api import Reply

CLOUDS = ("https://app.infisical.com", "https://us.infisical.com", "https://eu.infisical.com")
"""Infisical's own; every other one belongs to whoever names it. The first is meant if none is named."""


def site_problems(inputs: Mapping[str, Any], *within: str) -> Iterator[InputProblem]:
    return origin_problems(inputs, *within, "siteUrl", example="https://infisical.example.com")


def site_of(inputs: Mapping[str, Any]) -> str:
    """The origin of the site. Raises ProviderError."""
    refuse(site_problems(inputs))
    return parse_origin(inputs.get("siteUrl") or CLOUDS[0])


def words_of(reply: Reply) -> str:
    """What Infisical says of a refusal."""
    message = (reply.content or {}).get("message")
    return message if isinstance(message, str) else ""
