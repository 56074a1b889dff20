"""A real Kubernetes API server on this machine, without Docker.

It is etcd, the API server, its controllers and the scheduler. `commands` answers the part of the `kind` command line
that pytest-kind uses, `choose` says which cluster tests and the demo run on, and `cluster` is what both end in.
Everything listens on loopback only.
"""
