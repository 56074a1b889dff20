"""Snowflake as a trial has it: the keys of one user, and the statements that it was asked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from esc_operator.providers.snowflake import keys
from esc_operator.testing import json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.port import HttpAnswer, HttpRequest

MANAGER = keys.generate()
CURRENT = keys.generate()
PREVIOUS = keys.generate()

_ALTER = re.compile(r"ALTER USER \"WEB\" SET (RSA_PUBLIC_KEY(?:_2)?)='([A-Za-z0-9+/=]+)'")


@dataclass
class FakeSnowflake:
    """`held` are fingerprints by slot; a key that is set is remembered as its text."""

    held: dict[str, str] = field(default_factory=lambda: {"RSA_PUBLIC_KEY": CURRENT.fingerprint})
    statements: list[str] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        statement = json.loads(request.body or b"{}")["statement"]
        self.statements.append(statement)
        if match := _ALTER.fullmatch(statement):
            self.held[match[1]] = match[2]
            return done(["Statement executed successfully."])
        assert statement == 'DESCRIBE USER "WEB"'
        slots = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
        return done(["NAME", "WEB"], *([f"{slot}_FP", self.held.get(slot, "null"), "null", ""] for slot in slots))


def done(*rows: list[str]) -> HttpAnswer:
    return json_answer({"code": "090001", "statementHandle": "01b2-0000", "message": "done", "data": rows})


def refused(status: int, code: str, message: str) -> HttpAnswer:
    return json_answer({"code": code, "message": message, "sqlState": "00000"}, status)


def state(private_pem: str = CURRENT.private_pem) -> Mapping[str, str]:
    return {
        "account": "myorg-web_prod",
        "user": "WEB",
        "createdAt": "2026-04-01T12:00:00Z",
        "privateKey": private_pem,
    }
