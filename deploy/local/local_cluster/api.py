"""The few requests that the local cluster's own start needs, with nothing but the standard library.

Not a Kubernetes client: it knows one server, one certificate, and JSON.
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_cluster.certificates import ADMIN
from local_cluster.failures import ClusterError

_ISSUER_DISCOVERY = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "service-account-issuer-discovery-for-everybody"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "system:service-account-issuer-discovery",
    },
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}],
}


class Api:
    """The API server as its administrator sees it."""

    def __init__(self, port: int, certificates: Path) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=certificates / "ca.crt")
        self._tls.load_cert_chain(certificates / f"{ADMIN.file}.crt", certificates / f"{ADMIN.file}.key")

    def is_ready(self) -> bool:
        return self._request("GET", "/readyz")[0] == 200

    def has_default_account(self) -> bool:
        """Whether the controllers have begun their work: pods and tokens of a new namespace need its account."""
        return self._request("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200

    def takes_pods(self, node: str) -> bool:
        """Whether the node is ready and the scheduler may use it."""
        status, answer = self._request("GET", f"/api/v1/nodes/{node}")
        if status != 200:
            return False
        found = json.loads(answer)
        conditions = {one["type"]: one["status"] for one in found["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not found["spec"].get("taints")

    def publish_issuer(self) -> None:
        """Let anybody read the issuer's discovery document and keys, as a cloud that trusts it must."""
        status, answer = self._request(
            "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", _ISSUER_DISCOVERY
        )
        if status not in (200, 201, 409):
            raise ClusterError(f"the API server refused to publish its issuer ({status}): {answer.decode()[:300]}")

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """Status and body; status 0 while nobody answers."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=5, context=self._tls)
        try:
            content = json.dumps(body) if body is not None else None
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


def wait_until(question: Callable[[], bool], still_possible: Callable[[], None], deadline: float, what: str) -> None:
    """Ask until the answer is yes. `still_possible` raises where waiting has become pointless."""
    while not question():
        still_possible()
        if time.monotonic() > deadline:
            raise ClusterError(f"the local cluster did not get ready in time: {what}")
        time.sleep(0.05)
