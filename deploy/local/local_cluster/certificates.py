"""The keys and certificates of one local cluster.

Owns what each party may prove to the others. One authority signs everything: API server and etcd accept a client
certificate of this authority only, so another user of the machine gets nothing from the open loopback ports. Written
once, when the cluster is made; private keys are readable by their owner alone.
"""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=365)
# The machine's clock may have been set back by a little between two commands.
_BACKDATED = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for: the user name and the groups that RBAC sees."""

    file: str
    user: str
    groups: tuple[str, ...] = ()


ADMIN = Identity("admin", "kubernetes-admin", ("system:masters",))
CONTROLLER_MANAGER = Identity("controller-manager", "system:kube-controller-manager")
SCHEDULER = Identity("scheduler", "system:kube-scheduler")
API_SERVER_TO_ETCD = Identity("etcd-client", "kube-apiserver")
API_SERVER_TO_KUBELET = Identity("kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",))
NODE = Identity("node", "system:node:localhost", ("system:nodes",))
CLIENTS = (ADMIN, CONTROLLER_MANAGER, SCHEDULER, API_SERVER_TO_ETCD, API_SERVER_TO_KUBELET, NODE)


def write_certificates(folder: Path, service_address: str) -> None:
    """Fill `folder` with every party's `<name>.crt` and `<name>.key`, and with the service-account key `sa.key`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Authority.create(folder)
    for identity in CLIENTS:
        authority.issue_client(identity)
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    in_cluster = [
        x509.DNSName(f"kubernetes{suffix}") for suffix in ("", ".default", ".default.svc", ".default.svc.cluster.local")
    ]
    service = x509.IPAddress(ipaddress.ip_address(service_address))
    authority.issue_server("apiserver", "kube-apiserver", [*here, *in_cluster, service])
    authority.issue_server("kubelet", NODE.user, list(here))
    # etcd is its own client where it checks itself.
    authority.issue_server("etcd", "etcd", list(here), client_too=True)
    _write_service_account_key(folder)


class Authority:
    """A certificate authority that writes what it issues into one folder."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._folder = folder
        self._key = key
        self._certificate = certificate

    @classmethod
    def create(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "esc-operator local cluster")])
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_pair(folder, "ca", key, certificate)
        return cls(folder, key, certificate)

    @classmethod
    def read(cls, folder: Path, into: Path) -> "Authority":
        """The one that wrote `folder`; what it issues goes into another folder."""
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(into, key, x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes()))

    @property
    def folder(self) -> Path:
        return self._folder

    def issue_client(self, identity: Identity, lifetime: datetime.timedelta = _LIFETIME) -> None:
        groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
        subject = x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.user)])
        self._issue(identity.file, subject, [ExtendedKeyUsageOID.CLIENT_AUTH], [], lifetime)

    def issue_server(self, file: str, name: str, names: list[x509.GeneralName], *, client_too: bool = False) -> None:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if client_too else [])]
        self._issue(file, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), usages, names)

    def _issue(
        self,
        file: str,
        subject: x509.Name,
        usages: list[x509.ObjectIdentifier],
        names: list[x509.GeneralName],
        lifetime: datetime.timedelta = _LIFETIME,
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(subject, self._certificate.subject, key.public_key(), lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            # Python 3.13 verifies strictly, and asks for this one.
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        _write_pair(self._folder, file, key, builder.sign(self._key, hashes.SHA256()))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    lifetime: datetime.timedelta = _LIFETIME,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_service_account_key(folder: Path) -> None:
    # RSA, because it is what clouds accept of an identity provider everywhere (RS256).
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_private(folder / "sa.key", key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "sa.pub").write_bytes(public)


def _write_pair(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    _write_private(folder / f"{name}.key", key)
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
