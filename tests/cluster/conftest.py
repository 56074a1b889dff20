"""A real API server, clouds that refuse what real ones refuse, and the operator with just the rights of deploy/base.

All of them are shared by the tests of a session; each test has a namespace and a role of its own.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from cluster.collector import Collector
from cluster.harness import Cluster, Tenant, create_tenant, trusting_aws
from local_azure import LocalAzure
from local_cluster import choose
from local_google import LocalGoogle
from local_operator import LocalOperator
from local_postgres import LocalPostgres
from local_pulumi import LocalPulumi
from local_vault import LocalVault
from local_vendors import LocalDoppler, LocalInfisical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_aws import LocalAws

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    chosen = choose.choose_cluster()
    if isinstance(chosen, choose.ExistingCluster):
        cluster = Cluster(chosen.kubeconfig, chosen.context, lasts=True)
    else:
        kind = request.getfixturevalue("kind_cluster")
        kept = bool(request.config.option.keep_cluster)
        cluster = Cluster(kind.kubeconfig_path, f"kind-{kind.name}", lasts=kept)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator")


@pytest.fixture(scope="session")
def aws(cluster: Cluster, folder: Path) -> Iterator[LocalAws]:
    with trusting_aws(cluster, folder) as aws:
        aws.create_bucket("reports", "january.csv")
        yield aws


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def azure(cluster: Cluster, aws: LocalAws, folder: Path) -> Iterator[LocalAzure]:
    with LocalAzure(folder / "azure") as azure:
        azure.trust(cluster.issuer(), folder / "cluster-ca.crt")
        yield azure


@pytest.fixture(scope="session")
def google(cluster: Cluster, aws: LocalAws, folder: Path) -> Iterator[LocalGoogle]:
    with LocalGoogle(folder / "google") as google:
        google.trust(cluster.issuer(), folder / "cluster-ca.crt")
        yield google


@pytest.fixture(scope="session")
def pulumi(cluster: Cluster, aws: LocalAws, folder: Path) -> Iterator[LocalPulumi]:
    """A Pulumi Cloud without organizations; `cluster.pulumi.join` makes one for a tenant."""
    with LocalPulumi(folder / "pulumi") as pulumi:
        yield pulumi


@pytest.fixture(scope="session")
def doppler(cluster: Cluster, aws: LocalAws, folder: Path) -> Iterator[LocalDoppler]:
    with LocalDoppler(folder / "doppler") as doppler:
        doppler.trust(cluster.issuer(), folder / "cluster-ca.crt")
        yield doppler


@pytest.fixture(scope="session")
def infisical(cluster: Cluster, aws: LocalAws, folder: Path) -> Iterator[LocalInfisical]:
    with LocalInfisical(folder / "infisical") as infisical:
        infisical.trust(cluster.issuer(), folder / "cluster-ca.crt")
        yield infisical


@pytest.fixture(scope="session")
def certified_vault(folder: Path) -> LocalVault:
    """A Vault that is not started yet: few tests need one, and the operator reads certificates when it starts."""
    vault = LocalVault(folder / "vault")
    vault.certify()
    return vault


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def vault(
    cluster: Cluster, aws: LocalAws, certified_vault: LocalVault, postgres: LocalPostgres, folder: Path
) -> Iterator[LocalVault]:
    """A Vault that accepts the cluster's tokens, with both versions of the KV engine and a database."""
    with certified_vault as vault:
        vault.trust(cluster.issuer(), folder / "cluster-ca.crt")
        vault.mount("kv", "kv", version="1")
        vault.mount("secret", "kv", version="2")
        vault.serve_database(postgres)
        yield vault


@pytest.fixture(scope="session")
def clouds(  # noqa: PLR0917 - each cloud
    aws: LocalAws,
    azure: LocalAzure,
    google: LocalGoogle,
    pulumi: LocalPulumi,
    doppler: LocalDoppler,
    infisical: LocalInfisical,
    certified_vault: LocalVault,
    folder: Path,
) -> dict[str, str]:
    """The settings of a process that finds the clouds of these tests."""
    certificates = folder / "clouds.crt"
    every = (azure, google, pulumi, doppler, infisical, certified_vault)
    certificates.write_text("".join(one.ca_file.read_text() for one in every))
    return {
        **aws.environment,
        **azure.settings,
        **google.settings,
        "DOPPLER_API_HOST": doppler.url,
        "SSL_CERT_FILE": str(certificates),
    }


@pytest.fixture(scope="session")
def operator(cluster: Cluster, clouds: dict[str, str], folder: Path, collector: Collector) -> Iterator[LocalOperator]:
    """The operator, at debug level and with traces. A test that stops it starts it again."""
    operator = LocalOperator(
        cluster.kubeconfig,
        cluster.context,
        folder,
        settings={
            **clouds,
            "PYTHONASYNCIODEBUG": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        },
        arguments=("--log-level=debug",),
    )
    with operator:
        yield operator


@pytest.fixture
def tenant(cluster: Cluster, aws: LocalAws, operator: LocalOperator) -> Iterator[Tenant]:
    """A namespace of its own for a test; the AWS of all tests, without faults and with ordinary lifetimes."""
    aws.clear_faults()
    aws.settings(lifetime=None)
    tenant = create_tenant(cluster, aws, f"test-{next(_numbers)}")
    yield tenant
    assert operator.is_running(), f"the operator has ended; see {operator.log}"
    tenant.give_up()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "cluster" in item.path.parts[-2:-1]:
            item.add_marker(pytest.mark.cluster)
