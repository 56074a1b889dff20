"""Pulumi Cloud without Pulumi Cloud: its API of environments, evaluated by the operator's own evaluator.

Tests start it by `LocalPulumi`, the demo and benchmarks by `PulumiProcess`; README.md shows both, and what is
different from the service. It listens on loopback and keeps everything in memory.
"""

from local_pulumi.client import LocalPulumi, PulumiProcess, RemotePulumi

__all__ = ["LocalPulumi", "PulumiProcess", "RemotePulumi"]
