"""One blocking write, from any thread, for a process whose event loop does not come to it any more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.connection import Connection

MERGE = "application/merge-patch+json"


def patch_at_once(connection: Connection, path: str, body: Mapping[str, Any], seconds: float) -> int:
    """Merge `body` into an object, on a connection of its own; answers the status. Raises urllib3's HTTPError."""
    present = connection.snapshot()
    more: dict[str, Any] = {"ssl_context": present.tls, "server_hostname": connection.server_name}
    pool = (
        urllib3.ProxyManager(connection.proxy, **more) if connection.proxy else urllib3.PoolManager(num_pools=1, **more)
    )
    headers = {"Content-Type": MERGE, "Accept": "application/json"}
    if present.authorization:
        headers["Authorization"] = present.authorization
    with pool:
        url = f"{connection.server}{path}"
        answer = pool.request(
            "PATCH", url, body=json.dumps(body).encode(), headers=headers, timeout=seconds, retries=False
        )
    status: int = answer.status
    return status
