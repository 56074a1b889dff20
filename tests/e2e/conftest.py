"""One stage for the tests on a node; each has a namespace and a role of its own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from e2e.stage import Stage, set_up, why_no_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.harness import Tenant

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    if reason := why_no_node():
        pytest.skip(reason)
    with set_up() as stage:
        yield stage


@pytest.fixture
def tenant(stage: Stage) -> Iterator[Tenant]:
    """A namespace whose ServiceAccount `apps` may assume a role; ordinary lifetimes, and no calls counted yet."""
    stage.aws.settings(lifetime=None)
    stage.aws.forget_counts()
    tenant = stage.tenant(f"pods-{next(_numbers)}", "apps")
    tenant.create_service_account("apps")
    yield tenant
    # Its pods end while the next test begins.
    stage.kubectl("delete", "namespace", tenant.namespace, "--wait=false")
