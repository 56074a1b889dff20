"""Environments and short-lived credentials for Kubernetes workloads.

`operator/ARCHITECTURE.md` says what each sub-package owns and what it may import.
"""

__version__ = "0.1.0"
