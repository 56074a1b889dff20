"""Which of several operators works: one Lease of `coordination.k8s.io`, held by at most one of them at any time.

Owns the record, the decisions on it (pure, times are arguments) and the loop around them. It must not know what the
leader does. Invariant: the holder relies on its lease for less time, counted from when it sent an acknowledged write,
than the other candidates wait, counted from when they saw that write. Each process measures with its own monotonic
clock; none compares wall clocks.
"""
