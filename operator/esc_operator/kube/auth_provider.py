"""Users of kubeconfigs that log in by an `auth-provider`, which kubectl supported before exec plug-ins.

The official client handles it (`oidc` and `gcp`): importing that takes a second and 60 MB, and few users need it.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import certifi
from kubernetes import config
from kubernetes.client import Configuration

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUPPORTED = ("oidc", "gcp")
AUTHORITY = "idp-certificate-authority"


def read_auth_provider(provider: Mapping[str, Any], user: str, folder: Path) -> str:
    """The value of the Authorization header. `folder` is that of the kubeconfig. Raises ConfigurationError."""
    name = provider.get("name")
    if name not in SUPPORTED:
        raise ConfigurationError(
            f'{user} logs in by the auth-provider "{name}", which is not supported: use an exec plug-in instead'
        )
    configuration = Configuration()
    try:
        config.load_kube_config_from_dict(
            _alone({**provider, "config": _verifying(provider.get("config") or {}, folder)}),
            client_configuration=configuration,
            persist_config=False,
        )
        header = configuration.api_key.get("BearerToken") or ""
    except Exception as error:
        raise _refused(str(name), user) from error
    if not header:
        raise _refused(str(name), user)
    return header


def _refused(name: str, user: str) -> ConfigurationError:
    return ConfigurationError(
        f'{user} logs in by the auth-provider "{name}", which gave no token: log in with kubectl again, or use an '
        "exec plug-in instead"
    )


def _alone(provider: Mapping[str, Any]) -> dict[str, Any]:
    """A kubeconfig with only this user: the rest of it is read elsewhere."""
    return {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1"}}],
        "users": [{"name": "it", "user": {"auth-provider": dict(provider)}}],
    }


def _verifying(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The settings, with the absolute path of the identity provider's authority. Without one, the client would send the
    refresh token without verifying the certificate."""
    if settings.get(f"{AUTHORITY}-data"):
        return dict(settings)
    named = settings.get(AUTHORITY)
    authority = str(folder / named) if named else ssl.get_default_verify_paths().cafile or certifi.where()
    return {**settings, AUTHORITY: authority}
