"""What this AWS has that AWS has not: its counts, its settings, and the authorities of issuers, under `/_local/`.

Shows no secret unless that was allowed when it was started.
"""

import json
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from local_aws.ledger import Ledger
from local_aws.settings import Fault, Settings
from local_identity import Issuers

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/_local/"


class Administration:
    def __init__(self, ledger: Ledger, settings: Settings, issuers: Issuers, *, reveal_secrets: bool) -> None:
        self._ledger = ledger
        self._settings = settings
        self._issuers = issuers
        self._reveal_secrets = reveal_secrets
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "health"): lambda _: {"ok": True},
            ("GET", "mints"): lambda _: ledger.report_mints(),
            ("GET", "calls"): lambda _: ledger.report_calls(),
            ("GET", "secrets"): self._reveal,
            ("GET", "settings"): lambda _: {"lifetime_seconds": settings.lifetime_seconds},
            ("POST", "settings"): self._set,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: settings.clear_faults(),
            ("POST", "denials"): self._deny,
            ("DELETE", "counts"): lambda _: ledger.forget_counts(),
            ("POST", "issuers"): self._trust_authority,
        }

    def answer(self, request: Request) -> Response:
        route = self._routes.get((request.method, request.path.removeprefix(PREFIX)))
        if route is None:
            known = ", ".join(f"{method} {PREFIX}{name}" for method, name in self._routes)
            return _json({"error": f"no such page; there are: {known}"}, 404)
        try:
            body = request.get_data(cache=False)
            return _json(route(_object(body)), 200)
        except (ValueError, TypeError, KeyError) as error:
            return _json({"error": str(error)}, 400)
        except PermissionError as error:
            return _json({"error": str(error)}, 403)

    def _reveal(self, _: dict[str, Any]) -> list[str]:
        if not self._reveal_secrets:
            raise PermissionError("start with --reveal-secrets to read minted secrets, for leak tests only")
        return self._ledger.reveal_minted_secrets()

    def _set(self, given: dict[str, Any]) -> None:
        unknown = set(given) - {"lifetime_seconds"}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}; known: lifetime_seconds")
        seconds = given["lifetime_seconds"]
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
            raise TypeError("lifetime_seconds is a number, or null for what was asked for")
        self._settings.lifetime_seconds = seconds

    def _add_fault(self, given: dict[str, Any]) -> None:
        self._settings.add(Fault.from_json(given))

    def _deny(self, given: dict[str, Any]) -> None:
        self._settings.deny(str(given["name"]), str(given["code"]), str(given["message"]))

    def _trust_authority(self, given: dict[str, Any]) -> None:
        self._issuers.trust_authority(str(given["issuer"]), str(given["certificates"]))


def _object(body: bytes) -> dict[str, Any]:
    given = json.loads(body) if body else {}
    if not isinstance(given, dict):
        raise TypeError("a JSON object is expected")
    return given


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")
