"""One blocking write, from any thread, for a process whose event loop is blocked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from esc_operator.kube.blocking import open_pool, send
from esc_operator.kube.no_answer import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.connection import Connection

MERGE = "application/merge-patch+json"


def patch_at_once(connection: Connection, path: str, body: Mapping[str, Any], seconds: float) -> int:
    """Merge `body` into an object, on a connection of its own; returns the status. Raises urllib3's HTTPError."""
    config, tls = connection.config, connection.snapshot().tls
    headers = {"Content-Type": MERGE, "Accept": "application/json"}
    with open_pool(config, tls) as pool:
        patience = Patience(connect=seconds, answer=seconds)
        answer = send(pool, config, "PATCH", path, headers=headers, body=json.dumps(body).encode(), patience=patience)
    status: int = answer.status
    return status
