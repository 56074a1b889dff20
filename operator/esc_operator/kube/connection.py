"""How the API server is reached: a kubeconfig's context that was named, or the pod's own ServiceAccount.

Never a context by accident: without `--kubeconfig` or `--context` a process outside a cluster has nothing to act on.
"""

from __future__ import annotations

from typing import Any

from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from esc_operator.errors import ConfigurationError

MAX_CONNECTIONS = 40
"""Requests under way at once, watches among them; more only queue up in the API server."""


async def read_connection(kubeconfig: str | None, context: str | None) -> Any:
    """The client's `Configuration`, from a kubeconfig if a file or a context is named, else from the pod.

    Raises ConfigurationError.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = MAX_CONNECTIONS
    try:
        if kubeconfig or context:
            await config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        raise ConfigurationError(
            f"no cluster to work on: {error}. Inside a cluster a ServiceAccount is needed; outside, name a cluster "
            "with --kubeconfig FILE or --context NAME."
        ) from error
    return configuration
