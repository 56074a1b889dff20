"""AWS clients: without credentials, one for each service, region and endpoint; with a given login, one for each use.

Making a client reads service models for tens of milliseconds and is not thread-safe; using one is both cheap and
thread-safe. Clients here never look for credentials: an environment must not get an identity that is not its own from
`~/.aws`, environment variables or an instance's metadata service.

Importing boto3 takes longer than opening a static environment, so it is imported by the first call, on the blocking
pool.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
_CONNECTIONS = 32
_MOST_CLIENTS = 32

_SERVICE_IDS = {"secretsmanager": "SECRETS_MANAGER"}
"""How AWS's own settings spell a service, where its host is spelled otherwise."""

_DEFAULT_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


class Target(NamedTuple):
    """Where a client sends its calls. `endpoint` and `ca_bundle` are None for AWS's own."""

    service: str
    region: str
    endpoint: str | None
    ca_bundle: str | None

    @property
    def host(self) -> str:
        """The host, for messages; a URL may hold a password."""
        if self.endpoint is None:
            return f"{self.service}.{self.region}"
        return self.endpoint.partition("://")[2].partition("/")[0].rpartition("@")[2] or "[unreadable]"


def choose_target(service: str, settings: Mapping[str, str], *, region: str | None, partition: str = "aws") -> Target:
    """The given region, else that of the settings, else the first of the partition (`aws`, `aws-cn`, `aws-us-gov`)."""
    return Target(
        service=service,
        region=region
        or settings.get("AWS_REGION")
        or settings.get("AWS_DEFAULT_REGION")
        or _DEFAULT_REGIONS.get(partition, "us-east-1"),
        endpoint=settings.get(f"AWS_ENDPOINT_URL_{_SERVICE_IDS.get(service, service.upper())}")
        or settings.get("AWS_ENDPOINT_URL")
        or None,
        ca_bundle=settings.get("AWS_CA_BUNDLE") or None,
    )


class _Clients:
    """Makes clients that share one session, one at a time.

    A call is one request, with timeouts in seconds. botocore's own retries are off: they come within a second or two
    whatever `Retry-After` says, they bypass the circuit breaker, and calls that change something must not be repeated
    blindly. The caller decides when to retry.
    """

    def __init__(self, *, connect_timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT) -> None:
        self._options = {
            "connect_timeout": connect_timeout,
            "read_timeout": read_timeout,
            "retries": {"mode": "standard", "total_max_attempts": 1},
            "ignore_configured_endpoint_urls": True,
        }
        self._lock = threading.Lock()
        self._session: Any = None

    def _make(self, target: Target, *, login: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Call it under the lock. Raises what botocore raises for an invalid region or endpoint."""
        from botocore.config import Config

        if self._session is None:
            self._session = _make_session()
        return self._session.client(
            target.service,
            region_name=target.region,
            endpoint_url=target.endpoint,
            verify=target.ca_bundle,
            config=Config(**self._options, **options),
            **(login or {}),
        )


class UnsignedClients(_Clients):
    """The clients of a process that send no credentials of their own. Blocking and thread-safe."""

    def __init__(self, *, connect_timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT) -> None:
        super().__init__(connect_timeout=connect_timeout, read_timeout=read_timeout)
        self._clients: OrderedDict[Target, Any] = OrderedDict()

    def client(self, target: Target) -> Any:
        """The client for a target; raises what botocore raises for an invalid region or endpoint."""
        from botocore import UNSIGNED

        with self._lock:
            if target not in self._clients:
                self._clients[target] = self._make(
                    target, signature_version=UNSIGNED, max_pool_connections=_CONNECTIONS
                )
                # The author of an environment chooses the region, but must not choose the number of clients.
                if len(self._clients) > _MOST_CLIENTS:
                    self._clients.popitem(last=False)
            self._clients.move_to_end(target)
            return self._clients[target]


class SignedClients(_Clients):
    """Clients with an environment's own login: each is made for one use, which takes some ten milliseconds, so that no
    key is kept. Blocking and thread-safe."""

    def client(self, target: Target, login: Mapping[str, Any]) -> Any:
        """A client that signs as `login`, the outputs of `aws-login`."""
        credentials = {
            "aws_access_key_id": login["accessKeyId"],
            "aws_secret_access_key": login["secretAccessKey"],
            "aws_session_token": login.get("sessionToken"),
        }
        with self._lock:
            return self._make(target, login=credentials)


def _make_session() -> Any:
    """A session that reads no profile and no user file; its clients share one loader of service models."""
    import logging

    import boto3.session
    import botocore.session

    # At DEBUG botocore logs whole requests and answers, tokens and keys included.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    nowhere = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
    return boto3.session.Session(botocore_session=core)
