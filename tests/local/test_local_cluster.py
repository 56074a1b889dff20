"""The parts of the local cluster that need no cluster."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml

from local_cluster import cluster, kubeconfig, places, processes
from local_cluster.building import ensure_control_plane
from local_cluster.choose import ExistingCluster, KindProgram, choose_cluster, use_with_pytest_kind
from local_cluster.commands import main
from local_cluster.failures import ClusterError
from local_cluster.tools import find_go

FAKE_GO = """#!/bin/sh
echo "$1" >> "{log}"
case $1 in
env) echo go1.99.1;;
list) echo a; echo b;;
build) {build};;
esac
"""
BUILD = 'while [ "$1" != -o ]; do shift; done; sleep 0.2; echo program > "$2"'

ADDITION = {
    "clusters": [{"name": "kind-a", "cluster": {"server": "new"}}],
    "contexts": [{"name": "kind-a", "context": {}}],
    "users": [{"name": "kind-a", "user": {}}],
    "current-context": "kind-a",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ahead of everything on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def go_commands(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if line != "env"] if log.exists() else []


class TestBuilding:
    def test_two_builders_build_once_and_nobody_builds_again(self, home: Path, programs: Path) -> None:
        log = home / "go.log"
        write_program(programs / "go", FAKE_GO.format(log=log, build=BUILD))
        found: list[Path] = []
        builders = [threading.Thread(target=lambda: found.append(ensure_control_plane())) for _ in range(2)]
        for builder in builders:
            builder.start()
        for builder in builders:
            builder.join()
        assert ensure_control_plane() == found[0] == found[1]
        assert go_commands(log) == ["list", "build"]
        assert (found[0] / "kube-apiserver").read_text() == "program\n"
        assert found[0].is_relative_to(home / "cache" / "esc-operator" / "controlplane")

    def test_a_failed_build_leaves_nothing_and_says_what_go_said(self, home: Path, programs: Path) -> None:
        write_program(programs / "go", FAKE_GO.format(log=home / "go.log", build="echo no space left >&2; exit 1"))
        with pytest.raises(ClusterError, match="no space left"):
            ensure_control_plane()
        left = list((home / "cache" / "esc-operator" / "controlplane").iterdir())
        assert [path.suffix for path in left] == [".lock"]

    def test_go_on_path_is_used_where_it_is_new_enough(self, home: Path, programs: Path) -> None:
        write_program(programs / "go", FAKE_GO.format(log=home / "go.log", build=BUILD))
        assert find_go().program == programs / "go"
        assert not find_go().brought


class TestProcesses:
    def test_a_process_is_known_until_it_is_stopped(self, tmp_path: Path) -> None:
        started = processes.start("sleeper", ["sleep", "60"], tmp_path / "run", tmp_path / "sleeper.log")
        assert processes.read_records(tmp_path / "run") == [started]
        assert started.is_alive()
        processes.stop(started, grace=2.0)
        assert not started.is_alive()
        os.waitpid(started.pid, 0)

    def test_one_that_ignores_the_request_is_killed(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"]
        started = processes.start("deaf", command, tmp_path / "run", tmp_path / "deaf.log")
        processes.stop(started, grace=0.2)
        assert not started.is_alive()
        os.waitpid(started.pid, 0)

    def test_a_stranger_with_a_recorded_pid_is_left_alone(self, tmp_path: Path) -> None:
        with subprocess.Popen(["sleep", "60"]) as stranger:
            stale = processes.Recorded("etcd", stranger.pid, began="another boot/1")
            assert not stale.is_alive()
            processes.stop(stale, grace=0.1)
            assert stranger.poll() is None
            stranger.kill()

    def test_a_record_cut_short_is_no_process(self, tmp_path: Path) -> None:
        (tmp_path / "etcd.json").write_text('{"name": "etcd", "pi')
        assert processes.read_records(tmp_path) == []


class TestKubeconfig:
    def test_a_cluster_is_put_beside_others_and_taken_out_again(self, tmp_path: Path) -> None:
        path = tmp_path / "config"
        others = {"clusters": [{"name": "prod", "cluster": {"server": "x"}}], "contexts": None, "current-context": "p"}
        path.write_text(yaml.safe_dump(others))
        kubeconfig.merge_into(path, ADDITION)
        kubeconfig.merge_into(path, ADDITION)
        merged = yaml.safe_load(path.read_text())
        assert [one["name"] for one in merged["clusters"]] == ["prod", "kind-a"]
        assert merged["current-context"] == "kind-a"
        kubeconfig.remove_from(path, "kind-a")
        left = yaml.safe_load(path.read_text())
        assert (left["clusters"], left["users"], left["current-context"]) == (others["clusters"], [], "")

    def test_an_empty_file_becomes_one(self, tmp_path: Path) -> None:
        path = tmp_path / "config"
        path.touch()
        kubeconfig.merge_into(path, ADDITION)
        assert yaml.safe_load(path.read_text())["kind"] == "Config"

    @pytest.mark.parametrize("content", ["- a list", "a: [broken"])
    def test_what_is_no_kubeconfig_is_left_alone(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "config"
        path.write_text(content)
        with pytest.raises(ClusterError, match="left alone"):
            kubeconfig.merge_into(path, ADDITION)
        assert path.read_text() == content

    def test_a_link_is_followed_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real" / "config")
        kubeconfig.merge_into(tmp_path / "link", ADDITION)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "config").exists()


class TestCommands:
    def test_no_clusters_are_no_output_and_no_error(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert home
        assert main(["get", "clusters"]) == 0
        assert capsys.readouterr().out == ""

    def test_deleting_what_is_not_there_is_no_error(self, home: Path) -> None:
        assert main(["delete", "cluster", "--name=gone", f"--kubeconfig={home / 'config'}"]) == 0

    def test_no_kubeconfig_is_written_that_was_not_named(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert home
        assert main(["create", "cluster", "--name=x"]) == 1
        assert "name a file with --kubeconfig" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("configuration", "complaint"),
        [
            ("- a list", "not a readable configuration"),
            ("nodes: [{}, {}]", "lists 2 nodes, and this machine can be one"),
        ],
    )
    def test_a_configuration_that_cannot_be_had_is_refused(
        self, home: Path, capsys: pytest.CaptureFixture[str], configuration: str, complaint: str
    ) -> None:
        path = home / "kind.yaml"
        path.write_text(configuration)
        assert main(["create", "cluster", f"--kubeconfig={home / 'config'}", f"--config={path}"]) == 1
        assert complaint in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["../up", "Upper", "", "-x", "a" * 51])
    def test_a_name_that_cannot_be_a_folder_is_refused(self, home: Path, name: str) -> None:
        assert home
        with pytest.raises(ClusterError, match="cannot name a cluster"):
            cluster.named(name)


class TestChoice:
    def test_a_cluster_named_on_purpose_comes_first(self, tmp_path: Path) -> None:
        path = tmp_path / "config"
        path.write_text(json.dumps({"contexts": [{"name": "one"}, {"name": "two"}], "current-context": "one"}))
        named = {"ESC_TEST_KUBECONFIG": str(path)}
        assert choose_cluster(named) == ExistingCluster(path, "one")
        assert choose_cluster({**named, "ESC_TEST_CONTEXT": "two"}) == ExistingCluster(path, "two")
        with pytest.raises(ClusterError, match="set ESC_TEST_CONTEXT to one of: one, two"):
            choose_cluster({**named, "ESC_TEST_CONTEXT": "three"})
        with pytest.raises(ClusterError, match="not a readable kubeconfig"):
            choose_cluster({"ESC_TEST_KUBECONFIG": str(tmp_path / "none")})

    @pytest.mark.parametrize(("docker_status", "chosen"), [(0, "kind"), (1, "ours")])
    def test_kind_needs_a_docker_that_answers(self, programs: Path, docker_status: int, chosen: str) -> None:
        write_program(programs / "kind", "#!/bin/sh\n")
        write_program(programs / "docker", f"#!/bin/sh\nexit {docker_status}\n")
        kind = KindProgram(programs / "kind", needs_docker=True)
        ours = KindProgram(places.KIND_PROGRAM, needs_docker=False)
        assert choose_cluster({"PATH": str(programs)}) == {"kind": kind, "ours": ours}[chosen]

    def test_each_run_has_a_cluster_of_its_own_and_clears_after_killed_ones(self, home: Path, programs: Path) -> None:
        write_program(programs / "kubectl", "#!/bin/sh\n")
        with subprocess.Popen(["true"]) as killed:
            pass
        orphan = home / "state" / "esc-operator" / "clusters" / f"esc-test-{killed.pid}"
        second_orphan = orphan.with_name(f"{orphan.name}-node")
        mine = orphan.with_name(f"esc-test-{os.getpid()}")
        for folder in (orphan, second_orphan, mine):
            folder.mkdir(parents=True)
        options = SimpleNamespace(cluster_name="pytest-kind", keep_cluster=False, kind_bin=None, kind_kubectl_bin=None)
        use_with_pytest_kind(cast("pytest.Config", SimpleNamespace(option=options)))
        assert vars(options) == {
            "cluster_name": f"esc-test-{os.getpid()}",
            "keep_cluster": False,
            "kind_bin": str(places.KIND_PROGRAM),
            "kind_kubectl_bin": str(programs / "kubectl"),
        }
        assert mine.exists()
        assert not orphan.exists()
        assert not second_orphan.exists()

    def test_a_current_kubeconfig_is_not_a_cluster_named_on_purpose(self, programs: Path) -> None:
        chosen = choose_cluster({"PATH": str(programs), "KUBECONFIG": "/etc/kubernetes/admin.conf"})
        assert chosen == KindProgram(places.KIND_PROGRAM, needs_docker=False)
