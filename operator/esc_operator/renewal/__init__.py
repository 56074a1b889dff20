"""Why and when to sync. Pure: `now` is an argument, and jitter is drawn from the object's UID.

Owns the arithmetic of leases, refresh times and retries, and the ordered checks that decide why an environment has to
be synced. It must not read a clock, a random number or the cluster.
"""
