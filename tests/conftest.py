"""What all tests share: the cluster that pytest-kind makes, several workers, and what a failure tells."""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from local_cluster.choose import build_what_is_used, use_with_pytest_kind
from operator_logs import add_logs

if TYPE_CHECKING:
    from collections.abc import Generator

    from xdist.remote import Producer

    from sharing_out import SharingOut

_began = pytest.StashKey[float]()

# How long an example takes tells of the machine's other work: what has to be fast counts its steps, or is a benchmark.
settings.register_profile(
    "default", settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# For `make unit`, which is run after every few lines: `make test` has all examples.
settings.register_profile("quick", settings.get_profile("default"), max_examples=25)


def pytest_configure(config: pytest.Config) -> None:
    use_with_pytest_kind(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharingOut:
    from sharing_out import SharingOut  # pytest-xdist is there

    return SharingOut(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from sharing_out import put_slow_ones_first

        put_slow_ones_first(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    # What has been imported and collected by now stays: looking through it for garbage took an eighth of all time.
    gc.collect()
    gc.freeze()
    needed = any(item.get_closest_marker("cluster") for item in session.items)
    if needed and not session.config.option.collectonly:
        # The first build takes minutes, which are not the first test's.
        build_what_is_used()
        # A third of what control planes do is collecting garbage: they live for minutes, and there is memory. Not
        # before the build: its linker has other measures.
        os.environ.setdefault("GOGC", "300")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_began] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        add_logs(report, item.stash.get(_began, call.start))
    return report
