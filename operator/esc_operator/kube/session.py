"""A synchronous connection for the command line, with the rights of the person who calls."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import urllib3

from esc_operator.errors import ConfigurationError, NotFoundError
from esc_operator.kube.blocking import BlockingSender, failure_of
from esc_operator.kube.kubeconfig import read_kubeconfig
from esc_operator.kube.no_answer import (
    PATIENCE,
    Patience,
    error_from_failure,
    error_from_strange_answer,
    error_from_stranger,
)
from esc_operator.kube.paths import (
    CLUSTER_ENVIRONMENTS,
    CONFIG_MAPS,
    ENVIRONMENTS,
    NAMESPACES,
    ROTATIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    environment_resource,
)
from esc_operator.kube.tokens import missing_service_account, parse_token, token_request
from esc_operator.kube.translate import error_from_answer
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.client_config import ClientConfig
    from esc_operator.kube.exec_plugin import Terminal
    from esc_operator.kube.paths import Resource
    from esc_operator.providers.port import IdentityToken

PAGE = 500
"""Objects of a page of a list, as kubectl has it: each page is one request, and answered soon."""

JSON, MERGE = "application/json", "application/merge-patch+json"


class Answer(Protocol):
    """What came back for a request."""

    @property
    def status(self) -> int: ...

    @property
    def data(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Transport(Protocol):
    """Sends requests; `BlockingSender` is one."""

    @property
    def config(self) -> ClientConfig: ...

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Raises urllib3's HTTPError, and TimeoutError."""


class Session:
    """Reads environments and asks for tokens in one cluster. Every method raises KubeError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def read_environment(self, namespace: str, name: str) -> dict[str, Any]:
        """An environment of a namespace, or of the cluster where that is "", as the API server holds it."""
        resource = environment_resource(namespace)
        path = resource.path(namespace or None, name)
        return self._request("GET", path, f"read {resource.plural} {Key(namespace, name)}")

    def list_environments(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """Those of a namespace, of the cluster where that is "", or of all namespaces."""
        resource = CLUSTER_ENVIRONMENTS if namespace == "" else ENVIRONMENTS
        return self._list(resource, namespace or None)

    def list_namespaces(self) -> list[dict[str, Any]]:
        return self._list(NAMESPACES, None)

    def _list(self, resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        query = {"limit": str(PAGE)}
        while True:
            what = f"list {resource.plural}"
            answer = self._request("GET", f"{resource.path(namespace)}?{urlencode(query)}", what)
            items = answer.get("items")
            if not isinstance(items, list):
                raise error_from_stranger(what, self._transport.config)
            found += items
            if not (token := answer["metadata"].get("continue")):
                return found
            query["continue"] = token

    def read_secret(self, namespace: str, name: str) -> dict[str, Any]:
        """A Secret with its values."""
        return self._request("GET", SECRETS.path(namespace, name), f"read secrets {namespace}/{name}")

    def read_config_map(self, namespace: str, name: str) -> dict[str, Any]:
        return self._request("GET", CONFIG_MAPS.path(namespace, name), f"read configmaps {namespace}/{name}")

    def annotate_environment(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        """Set annotations of an environment, one of the cluster where `namespace` is "", and leave all others."""
        resource = environment_resource(namespace)
        path, what = resource.path(namespace or None, name), f"annotate {resource.plural} {Key(namespace, name)}"
        self._request("PATCH", path, what, {"metadata": {"annotations": dict(annotations)}}, MERGE)

    def create_rotation(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The EscRotation as it was created."""
        return self._request("POST", ROTATIONS.path(), "create escrotations", body)

    def read_rotation(self, name: str) -> dict[str, Any]:
        return self._request("GET", ROTATIONS.path(None, name), f"read escrotations {name}")

    def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken:
        """A token of a ServiceAccount for one audience. Raises IdentityError where there is no such ServiceAccount."""
        path = SERVICE_ACCOUNTS.path(namespace, service_account, "token")
        what = f"get a token of ServiceAccount {namespace}/{service_account}"
        try:
            return parse_token(self._request("POST", path, what, token_request(audience)))
        except NotFoundError as error:
            raise missing_service_account(namespace, service_account) from error

    def _request(
        self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None, content_type: str = JSON
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        config = self._transport.config
        try:
            answer = self._transport.request(method, path, headers, data)
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise error_from_failure(failure_of(failure), what, config) from failure
        if not 200 <= answer.status < 300:
            content_type = answer.headers.get("Content-Type", "")
            if strange := error_from_strange_answer(answer.status, content_type, answer.data, what, config):
                raise strange
            raise error_from_answer(answer.status, answer.data, answer.headers, what)
        try:
            parsed = json.loads(answer.data)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict) or not isinstance(parsed.get("metadata"), dict):
            raise error_from_stranger(what, config)
        return parsed


def open_session(
    context: str,
    settings: Mapping[str, str],
    terminal: Terminal,
    kubeconfig: str | None = None,
    patience: Patience = PATIENCE,
) -> Session:
    """A session in a kubeconfig's context; "" is the current one. Raises ConfigurationError.

    The kubeconfig is the one that kubectl would use: KUBECONFIG, or ~/.kube/config.
    """
    read = partial(read_kubeconfig, kubeconfig, context, settings, terminal)
    try:
        return Session(BlockingSender(read(), read, patience))
    except ConfigurationError as error:
        named = f'context "{context}"' if context else "the current context"
        raise ConfigurationError(f"cannot use {named} of the kubeconfig: {error.message}") from error
