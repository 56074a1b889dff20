"""What containerd, the kubelet and the pod network are told: every decision about how the node behaves.

Pure: paths, ports and names in, file contents and arguments out. Paths under /run and /var are those inside of the
node's own view, where all programs keep their defaults.
"""

import json
from pathlib import Path
from typing import Any

import yaml

NAME = "localhost"
"""The node's name, which is also where the API server finds its kubelet."""
SOCKET = "run/containerd/containerd.sock"

KERNEL_SETTINGS = {
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "net/ipv4/ip_forward": "1",
}
"""Below /proc/sys, with the values that the kubelet (all but the last) and the plugin `ptp` want to find."""


def containerd(pause: str, plugins: str, network: str, snapshotter: str) -> str:
    """The configuration in TOML, whose strings are written as JSON's."""
    quoted = json.dumps
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
# A full name: this version would not complete it before it looks.
sandbox_image = {quoted(pause)}
# Without CAP_SYS_RESOURCE runc could not lower a container's score, and dies of it.
restrict_oom_score_adj = true
# Its profile would be loaded into the machine's kernel and stay there.
disable_apparmor = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {quoted(plugins)}
conf_dir = {quoted(network)}
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = {quoted(snapshotter)}
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def pod_network(number: int) -> str:
    """The network of pods without `hostNetwork`: each reaches the machine, and nothing beyond it.

    `number` tells clusters apart that run at once: their pods' addresses are routes of the same machine.
    """
    subnet = f"100.{64 + number // 256}.{number % 256}.0/24"
    plugin = {"type": "ptp", "ipMasq": False, "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]]}}
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [plugin]})


def kubelet(port: int, certificates: Path, resolver: Path, cgroup: str) -> str:
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": port,
        "healthzPort": 0,
        "tlsCertFile": str(certificates / "kubelet.crt"),
        "tlsPrivateKeyFile": str(certificates / "kubelet.key"),
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(certificates / "ca.crt")}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix:///{SOCKET}",
        "resolvConf": str(resolver),
        # The containers' parent, and no hierarchy of pods and classes below it.
        "cgroupRoot": cgroup,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        # Without that hierarchy a kubelet of 1.34 dies of a nil pointer where a pod with limits is resized or deleted
        # (kubernetes/kubernetes#137993).
        "featureGates": {"InPlacePodVerticalScaling": False},
        "failCgroupV1": False,
        "failSwapOn": False,
        # No accounts of the disk: not every machine's root has what it takes (and its absence is logged as an error now
        # and then). A developer's disk is often nearly full, which is no reason to evict.
        "localStorageCapacityIsolation": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        # Its chains would stay in the machine's packet filter.
        "makeIPTablesUtilChains": False,
        # Volumes follow their Secrets within a second, where a real node takes a minute.
        "syncFrequency": "1s",
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }
    return yaml.safe_dump(settings, sort_keys=False)
