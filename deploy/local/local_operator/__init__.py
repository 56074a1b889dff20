"""The operator as a process on this machine, with exactly the rights that `deploy/` gives it.

For tests, benchmarks and the demo. Owns its installation into a cluster and its life; nothing about what it does.
"""

from local_operator.operator_process import LocalOperator

__all__ = ["LocalOperator"]
