"""The operator's options, set by flags or by environment variables `ESC_OPERATOR_…`."""

from __future__ import annotations

from dataclasses import dataclass

from esc_operator.manifests.rights import LEASE
from esc_operator.resources.rotation import DEFAULT_HISTORY


@dataclass(frozen=True, slots=True)
class Options:
    """`namespaces`: only these; empty: all. `cluster_name`: the organization
    of its environments, as they see it. `provider_rate`: calls of each provider a second, with bursts of twice as
    many after idle time; None: the provider's default. `rollouts`: workloads rolled at a time. `rotation_history`:
    ended EscRotations of `esc rotate` to keep. `require_allow_lists`: allow nothing to a namespace without a list.
    `api_audiences`: audiences that the API server accepts; empty: find them out. `allowed_urls`: patterns of origins
    that environments may connect to besides public ones; `private_networks`: addresses that look public and are not.
    `health_address`, `metrics_address`: host and port of the probes and of `/metrics`, "" for none.
    `metrics_authorization`: serve `/metrics` only to users who may get it; None: unless the address is a loopback one.
    `metrics_environments`: how many environments may have series of their own. `leader_election`: work only while
    holding the Lease `lease_name`. `lease_namespace`: namespace of the Lease and of the states of
    ClusterEscEnvironments' rotators; None: the pod's own. `lease_duration`: seconds after a renewal during which no
    other replica takes the Lease."""

    kubeconfig: str | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    workers: int = 32
    cluster_name: str = "default"
    provider_rate: int | None = None
    rollouts: int = 20
    rotation_history: int = DEFAULT_HISTORY
    require_allow_lists: bool = False
    api_audiences: tuple[str, ...] = ()
    allowed_urls: tuple[str, ...] = ()
    private_networks: tuple[str, ...] = ()
    health_address: str = "0.0.0.0:8080"
    metrics_address: str = "0.0.0.0:9090"
    metrics_authorization: bool | None = None
    metrics_environments: int = 10_000
    leader_election: bool = True
    lease_name: str = LEASE
    lease_namespace: str | None = None
    lease_duration: int = 12
    log_level: str = "info"
    log_format: str = "text"
