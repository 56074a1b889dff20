"""Which of several operators works: one Lease of `coordination.k8s.io`, held by at most one of them at any time.

Owns the record, the decisions on it (pure, times are arguments) and the loop around them. It must not know what the
leader does. Invariant: whoever holds the lease believes so only for a shorter time, from when it sent a write that was
acknowledged, than everybody else keeps away, from when they saw that write. Both times are taken from a process's own
clock of elapsed time; nobody compares the wall clock of another.
"""
