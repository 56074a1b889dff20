"""promtool, Prometheus' own judge of rules: the one on PATH, or one that is built once and kept in the user's cache.

For `make alerts` and the tests of `deploy/monitoring`. Owns how it is had; nothing about the rules.
"""

from local_prometheus.promtool import build_promtool, find_promtool

__all__ = ["build_promtool", "find_promtool"]
