"""One AWS and one issuer for all of these tests, which find counts, faults and settings fresh; a Pulumi Cloud each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.databases import Database, in_mariadb, in_postgres
from local.pulumi_world import Clock, World
from local_aws import LocalAws
from local_issuer import LocalIssuer
from local_mariadb import LocalMariaDb
from local_postgres import LocalPostgres
from local_pulumi import LocalPulumi


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIssuer]:
    with LocalIssuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield issuer


@pytest.fixture(scope="session")
def shared_aws(issuer: LocalIssuer) -> Iterator[LocalAws]:
    with LocalAws(reveal_secrets=True) as aws:
        aws.trust(issuer.url, issuer.ca_file)
        aws.create_bucket("reports", "a.txt", "sub folder/b+c ü.txt")
        yield aws


@pytest.fixture
def aws(shared_aws: LocalAws) -> LocalAws:
    shared_aws.forget_counts()
    shared_aws.clear_faults()
    shared_aws.settings(lifetime=None)
    return shared_aws


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[World]:
    clock = Clock()
    with LocalPulumi(tmp_path / "pulumi", clock=clock) as cloud:
        world = World(cloud, clock)
        yield world
        world.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[LocalMariaDb]:
    with LocalMariaDb() as server:
        yield server


@pytest.fixture(params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Users of a test's own in each database."""
    if request.param == "postgres":
        return in_postgres(request.getfixturevalue("postgres"))
    return in_mariadb(request.getfixturevalue("mariadb"))
