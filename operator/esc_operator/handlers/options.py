"""What the operator can be told at its start, by flags or by environment variables `ESC_OPERATOR_…`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`namespaces`: only these, or all where empty. `provider_rate`: so many calls of each provider a second, and twice
    as many after a rest. `rollouts`: so many workloads at a time. `health_address`, `metrics_address`: host and port of
    the probe and of `/metrics`, "" for none. `metrics_environments`: up to so many have series of their own."""

    kubeconfig: str | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    workers: int = 32
    provider_rate: int = 20
    rollouts: int = 10
    health_address: str = "0.0.0.0:8080"
    metrics_address: str = "0.0.0.0:9090"
    metrics_environments: int = 10_000
    log_level: str = "info"
    log_format: str = "text"
