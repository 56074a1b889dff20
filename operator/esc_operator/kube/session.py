"""A synchronous connection for the command line, with the rights of the person who calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from esc_operator.errors import ConfigurationError, NotFoundError
from esc_operator.kube.paths import (
    CLUSTER_ENVIRONMENTS,
    ENVIRONMENTS,
    NAMESPACES,
    ROTATIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    environment_resource,
)
from esc_operator.kube.tokens import missing_service_account, parse_token, token_request
from esc_operator.kube.translate import error_from_answer, error_from_failure
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.paths import Resource
    from esc_operator.providers.port import IdentityToken

REQUEST_TIMEOUT = 30.0

JSON, MERGE = "application/json", "application/merge-patch+json"


class Session:
    """Reads environments and asks for tokens in one cluster. Every method raises KubeError."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

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
        answer = self._request("GET", resource.path(namespace), f"list {resource.plural}")
        items: list[dict[str, Any]] = answer["items"]
        return items

    def read_secret(self, namespace: str, name: str) -> dict[str, Any]:
        """A Secret with its values."""
        return self._request("GET", SECRETS.path(namespace, name), f"read secrets {namespace}/{name}")

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
        try:
            answer = self._client.call_api(
                path,
                method,
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=REQUEST_TIMEOUT,
            )
        except ApiException as refusal:
            raise error_from_answer(refusal.status, refusal.body or b"", refusal.headers or {}, what) from refusal
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise error_from_failure(failure, what) from failure
        try:
            parsed: dict[str, Any] = json.loads(answer.data)
        except ValueError as failure:  # something before the API server answered in its place
            raise error_from_failure(failure, what) from None
        return parsed


def open_session(context: str | None, kubeconfig: str | None = None, *, scratch: str) -> Session:
    """A session in a kubeconfig's context; None is the current one. Raises ConfigurationError.

    The kubeconfig is the one that kubectl would use: KUBECONFIG, or ~/.kube/config. `scratch` is a private folder that
    is not needed any more afterwards: the client writes the keys of the kubeconfig there.
    """
    named = f'context "{context}"' if context else "the current context"
    configuration = Configuration()
    try:
        config.load_kube_config(
            config_file=kubeconfig,
            context=context,
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=scratch,
        )
        client = ApiClient(configuration)
        _read_keys(client.rest_client.pool_manager.connection_pool_kw)
    except config.ConfigException as error:
        raise ConfigurationError(f"cannot use {named} of the kubeconfig: {error}") from error
    except (OSError, ValueError) as error:
        # OpenSSL's own words name a file that nobody knows.
        why = "a certificate or key in it cannot be read, or one does not belong to the other"
        raise ConfigurationError(f"cannot use {named} of the kubeconfig: {why}") from error
    return Session(client)


def _read_keys(pool: dict[str, Any]) -> None:
    """Read what connections would read from files when they are made, so that the files can go."""
    context = create_urllib3_context(cert_reqs=resolve_cert_reqs(pool["cert_reqs"]))
    authority, certificate, key = (pool.pop(name, None) for name in ("ca_certs", "cert_file", "key_file"))
    if authority:
        context.load_verify_locations(authority)
    else:
        context.load_default_certs()
    if certificate:
        context.load_cert_chain(certificate, key)
    pool["ssl_context"] = context
