"""The command line of each component: every decision about how the local control plane behaves.

Pure: names, ports and folders in, arguments out.
"""

from dataclasses import dataclass
from pathlib import Path

from local_cluster import certificates as pki

SERVICE_RANGE = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"


@dataclass(frozen=True)
class Layout:
    """Where one cluster is: its folder, the ports it was given, and the programs it runs."""

    folder: Path
    programs: Path
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    kubelet_port: int

    @property
    def certificates(self) -> Path:
        return self.folder / "pki"

    @property
    def server(self) -> str:
        """The API server's address, and the issuer of its tokens."""
        return f"https://127.0.0.1:{self.api_port}"

    def kubeconfig_of(self, identity: pki.Identity) -> Path:
        return self.folder / f"{identity.file}.kubeconfig"

    def pki(self, file: str) -> str:
        return str(self.certificates / file)


def etcd(layout: Layout) -> list[str]:
    clients = f"https://127.0.0.1:{layout.etcd_port}"
    peers = f"https://127.0.0.1:{layout.etcd_peer_port}"
    return [
        str(layout.programs / "etcd"),
        "--name=local",
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=local={peers}",
        f"--cert-file={layout.pki('etcd.crt')}",
        f"--key-file={layout.pki('etcd.key')}",
        f"--trusted-ca-file={layout.pki('ca.crt')}",
        "--client-cert-auth",
        f"--peer-cert-file={layout.pki('etcd.crt')}",
        f"--peer-key-file={layout.pki('etcd.key')}",
        f"--peer-trusted-ca-file={layout.pki('ca.crt')}",
        "--peer-client-cert-auth",
        # A cluster that a power cut may take: it is made again in seconds, and each write is much cheaper.
        "--unsafe-no-fsync",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=10m",
        "--log-level=warn",
    ]


def api_server(layout: Layout) -> list[str]:
    return [
        str(layout.programs / "kube-apiserver"),
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.api_port}",
        # Left to itself it looks for a default route, and stops where the machine has no network.
        "--advertise-address=127.0.0.1",
        # Its address is loopback, which the reconciler would refuse, and complain of, forever.
        "--endpoint-reconciler-type=none",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--etcd-servers=https://127.0.0.1:{layout.etcd_port}",
        f"--etcd-cafile={layout.pki('ca.crt')}",
        f"--etcd-certfile={layout.pki(pki.API_SERVER_TO_ETCD.file + '.crt')}",
        f"--etcd-keyfile={layout.pki(pki.API_SERVER_TO_ETCD.file + '.key')}",
        f"--client-ca-file={layout.pki('ca.crt')}",
        f"--tls-cert-file={layout.pki('apiserver.crt')}",
        f"--tls-private-key-file={layout.pki('apiserver.key')}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        # The issuer is this very server, so that whoever trusts it can read its keys.
        f"--service-account-issuer={layout.server}",
        f"--service-account-jwks-uri={layout.server}/openid/v1/jwks",
        f"--service-account-signing-key-file={layout.pki('sa.key')}",
        f"--service-account-key-file={layout.pki('sa.pub')}",
        # Not the issuer's address: a token for the API server must never pass for one that was made for a cloud.
        "--api-audiences=https://kubernetes.default.svc.cluster.local",
        # For `kubectl logs` and `exec`, where a kubelet runs on this machine.
        "--kubelet-preferred-address-types=Hostname",
        f"--kubelet-certificate-authority={layout.pki('ca.crt')}",
        f"--kubelet-client-certificate={layout.pki(pki.API_SERVER_TO_KUBELET.file + '.crt')}",
        f"--kubelet-client-key={layout.pki(pki.API_SERVER_TO_KUBELET.file + '.key')}",
        # Tests remove namespaces full of objects.
        "--delete-collection-workers=8",
        "--profiling=false",
    ]


def controller_manager(layout: Layout) -> list[str]:
    return [
        str(layout.programs / "kube-controller-manager"),
        f"--kubeconfig={layout.kubeconfig_of(pki.CONTROLLER_MANAGER)}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.pki('sa.key')}",
        f"--root-ca-file={layout.pki('ca.crt')}",
        f"--cluster-signing-cert-file={layout.pki('ca.crt')}",
        f"--cluster-signing-key-file={layout.pki('ca.key')}",
        # There is one of it, and it need not wait for its own lease after a restart.
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]


def scheduler(layout: Layout) -> list[str]:
    return [
        str(layout.programs / "kube-scheduler"),
        f"--kubeconfig={layout.kubeconfig_of(pki.SCHEDULER)}",
        f"--authentication-kubeconfig={layout.kubeconfig_of(pki.SCHEDULER)}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]
