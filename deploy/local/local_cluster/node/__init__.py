"""A node for the local cluster: containerd and the kubelet, in a view of this machine that is their own.

Both run in a mount and a process namespace that `init.sh` prepares: there /run, /var/lib and /var/log are folders of
the cluster, and so are the few kernel settings that they would write. Ending the namespace's first process
ends every container, unmounts every volume and takes the pods' networks away, after a crash as much as by `delete`.
The network is the machine's: a pod with `hostNetwork: true` reaches servers on its loopback.
"""
