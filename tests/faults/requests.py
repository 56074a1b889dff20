"""The names of the operator's requests: to the API server by their paths, to AWS by their forms. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from faults.front import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = "token-request"
EXCHANGE = "sts-exchange"
SECRET = "apply-secret"
STATUS = "patch-status"
EVENT = "post-event"
WRITES = (TOKEN, EXCHANGE, SECRET, STATUS, EVENT)
"""In the order in which a reconcile makes them."""

WATCHES = ("watch-secrets", "watch-escenvironments")

_OBJECT = re.compile(r"/(?:api|apis/[^/]+)/v\w+/(?:namespaces/([^/]+)/)?([a-z]+)(?:/([^/]+))?(?:/([a-z]+))?")
_NAMED = {
    ("POST", "serviceaccounts", "token"): TOKEN,
    ("PATCH", "secrets", ""): SECRET,
    ("PATCH", "escenvironments", "status"): STATUS,
    ("POST", "events", ""): EVENT,
}


def describe_kubernetes(method: str, path: str, query: Mapping[str, str], body: bytes) -> Seen:
    found = _OBJECT.fullmatch(path)
    if found is None:
        return Seen("other")
    namespace, plural, name, subresource = (part or "" for part in found.groups())
    if query.get("watch") in {"true", "1"}:
        return Seen(f"watch-{plural}", namespace, is_watch=True)
    verb = {"GET": "read" if name else "list"}.get(method, method.lower())
    return Seen(_NAMED.get((method, plural, subresource), f"{verb}-{plural}"), namespace)


def describe_aws(method: str, path: str, query: Mapping[str, str], body: bytes) -> Seen:
    """A role is named after its namespace."""
    form = parse_qs(body.decode(errors="replace"))
    if form.get("Action") == ["AssumeRoleWithWebIdentity"]:
        return Seen(EXCHANGE, form["RoleArn"][0].rpartition("/")[2])
    return Seen("other")
