"""A real Kubernetes API server on this machine, and a node for pods where they are wanted, without Docker.

It is etcd, the API server, its controllers and the scheduler; `node` adds containerd and the kubelet, and `images` what
they run. `commands` answers the part of the `kind` command line that pytest-kind uses, `choose` says which cluster
tests and the demo run on, and `cluster` is what both end in. Everything listens on loopback only.
"""
