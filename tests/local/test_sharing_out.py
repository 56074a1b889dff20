"""How the tests are shared out to several workers, and what a failing one tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest

from local_cluster import kubeconfig, places
from local_operator import LocalOperator
from operator_logs import LINES, add_logs
from sharing_out import FIRST, put_slow_ones_first, unit_of

if TYPE_CHECKING:
    from pathlib import Path

ATTEMPT = "tests/tenants/test_attempts.py::test_it_is_refused"
CLUSTER = "tests/cluster/test_life.py::test_a_restart_mints_nothing"


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        (CLUSTER, "tests/cluster/test_life.py"),
        (f"{ATTEMPT}[secrets-a-key-named-..-and-more]", "tests/tenants/test_attempts.py::secrets"),
        (f"{ATTEMPT}[edges-import-a::b]", "tests/tenants/test_attempts.py::edges"),
        ("tests/unit/lang/test_a.py::test_b[c-[d]]", "tests/unit/lang/test_a.py::test_b"),
        ("tests/unit/lang/test_a.py::TestA::test_b", "tests/unit/lang/test_a.py::TestA::test_b"),
        ("tests/simulation/test_day.py::test_a[b]", "tests/simulation/test_day.py::test_a"),
        ("tests/deploy/test_manifests.py::test_a[b]", "tests/deploy/test_manifests.py"),
    ],
)
def test_a_worker_runs_what_shares_a_costly_fixture(nodeid: str, unit: str) -> None:
    assert unit_of(nodeid, one_cluster=False) == unit


def test_all_tests_on_a_cluster_that_was_named_are_one_workers() -> None:
    other = CLUSTER.replace("life", "sharing")
    assert unit_of(CLUSTER, one_cluster=True) == unit_of(other, one_cluster=True)
    assert unit_of(f"{ATTEMPT}[a-b]", one_cluster=True) != unit_of(CLUSTER, one_cluster=True)


def test_what_waits_begins_first_and_the_order_is_kept_otherwise() -> None:
    class Item:
        def __init__(self, nodeid: str) -> None:
            self.nodeid = nodeid

    names = ["tests/unit/b.py::x", "tests/cluster/test_b.py::x", "tests/unit/a.py::x", "tests/tenants/test_a.py::x"]
    items = [Item(name) for name in names]
    put_slow_ones_first(cast("list[pytest.Item]", items))
    assert [item.nodeid for item in items] == [names[3], names[1], names[0], names[2]]


def test_a_failure_has_the_end_of_each_log_that_was_written_to_since(tmp_path: Path) -> None:
    config = tmp_path / "config"
    kubeconfig.merge_into(config, {"clusters": [], "contexts": [], "users": [], "current-context": ""})
    operators = []
    for name in ("a", "b", "c"):
        folder = tmp_path / name
        folder.mkdir()
        operators.append(LocalOperator(config, "kind-x", folder))
    for one, seconds in zip(operators[:2], (1_000, 2_000), strict=True):
        one.log.write_text("\n".join(f"line {number}" for number in range(200)))
        os.utime(one.log, (seconds, seconds))
    report = pytest.TestReport("a", ("a", 0, "a"), {}, "failed", None, "call")
    add_logs(report, 1_500)
    ((title, text),) = [section for section in report.sections if str(tmp_path) in section[0]]
    assert title == f"The end of {operators[1].log}"
    assert text.splitlines() == [f"line {number}" for number in range(200 - LINES, 200)]


def test_the_folders_that_begin_first_are_there() -> None:
    assert [folder for folder in FIRST if not (places.REPOSITORY / folder).is_dir()] == []
