"""Kubeconfigs whose user logs in by a program or a provider of its own: read by the official client."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from esc_operator.errors import ConfigurationError
from esc_operator.kube.connection import Connection, Credentials


async def read_foreign_kubeconfig(files: str | None, context: str) -> Connection:
    """Raises ConfigurationError and OSError."""
    configuration = Configuration()
    try:
        await config.load_kube_config(
            config_file=files, context=context, client_configuration=configuration, persist_config=False
        )
    except config.ConfigException as error:
        raise ConfigurationError(str(error)) from error
    # Its program is asked anew where its answer is refused; which files it reads only it knows.
    credentials = Credentials(
        authority=_text(configuration.ssl_ca_cert),
        certificate=_text(configuration.cert_file),
        key=_text(configuration.key_file),
        authorization=await configuration.get_api_key_with_prefix("BearerToken") or "",
    )
    return Connection(
        configuration.host,
        credentials,
        insecure=not configuration.verify_ssl,
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
        reread=partial(read_foreign_kubeconfig, files, context),
    )


def _text(path: str | None) -> str | None:
    return Path(path).read_text() if path else None
