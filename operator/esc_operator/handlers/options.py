"""What the operator can be told at its start, by flags or by environment variables `ESC_OPERATOR_…`."""

from __future__ import annotations

from dataclasses import dataclass

from esc_operator.manifests.rights import LEASE


@dataclass(frozen=True, slots=True)
class Options:
    """`namespaces`: only these, or all where empty. `provider_rate`: so many calls of each provider a second, and twice
    as many after a rest; None leaves it to the provider. `rollouts`: so many workloads at a time.
    `require_allow_lists`: a namespace without a list is allowed nothing. `api_audiences`: what the API server accepts,
    where it is not to be found out. `allowed_urls`: patterns of whom environments may have asked besides what is
    public; `private_networks`: what is not public although it looks so. `health_address`, `metrics_address`: host and
    port of the probes and of `/metrics`, "" for none. `metrics_authorization`: whether `/metrics` is only for users who
    may get it, as the API server says; None: wherever somebody outside the pod can ask. `metrics_environments`: up to
    so many have series of their own. `leader_election`: work only while the Lease `lease_name` is held;
    `lease_namespace`, where states of ClusterEscEnvironments' rotators are as well: None for the pod's own;
    `lease_duration`: for so many seconds after a renewal the others keep away."""

    kubeconfig: str | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    workers: int = 32
    provider_rate: int | None = None
    rollouts: int = 20
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
