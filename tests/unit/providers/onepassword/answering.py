"""A client of 1Password that has the SDK's own types, and answers as it is told."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from onepassword.types import ResolveAllResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUE = "value-of-a-field-in-1password"


def token(address: str = "my.1password.com", **parts: Any) -> str:
    content = {"signInAddress": address, "email": "abc@1passwordserviceaccounts.com", "secretKey": "A3-SECRET-KEY-PART"}
    return "ops_" + base64.urlsafe_b64encode(json.dumps(content | parts).encode()).decode().rstrip("=")


class FakeSdk:
    """Knows each reference that it is told of by an error, as the SDK writes one; all others have a value."""

    def __init__(self, errors: Mapping[str, Mapping[str, str]] | None = None, fails: Exception | None = None) -> None:
        self._errors = errors or {}
        self._fails = fails
        self.asked: list[list[str]] = []
        self.tokens: list[str] = []

    @property
    def secrets(self) -> FakeSdk:
        return self

    async def connect(self, token: str) -> FakeSdk:
        self.tokens.append(token)
        return self

    async def resolve_all(self, secret_references: list[str]) -> ResolveAllResponse:
        self.asked.append(secret_references)
        if self._fails is not None:
            raise self._fails
        answers = {
            one: {"error": self._errors[one]}
            if one in self._errors
            else {"content": {"secret": f"{VALUE} {one}", "itemId": "item", "vaultId": "vault"}}
            for one in secret_references
        }
        return ResolveAllResponse.model_validate_json(json.dumps({"individualResponses": answers}))
