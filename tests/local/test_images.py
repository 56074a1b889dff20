"""Images are archives that any container runtime takes, made the same each time."""

import hashlib
import json
import re
import sys
import tarfile
from pathlib import Path

import pytest

from local_cluster import debian, images, tools
from local_cluster.failures import ClusterError
from local_cluster.images import archive


def files_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as file:
        return {name: content.read() for name in file.getnames() if (content := file.extractfile(name))}


def test_the_same_files_make_the_same_archive_whenever_and_whoever_made_them(tmp_path: Path) -> None:
    written = []
    for maker, order in (("first", ("a", "b")), ("second", ("b", "a"))):
        root = tmp_path / maker
        root.mkdir()
        for name in order:
            (root / name).write_text(name)
        (root / "link").symlink_to("a")
        archive.write(tmp_path / f"{maker}.tar", "docker.io/local/x:1", root, ("/a",))
        written.append((tmp_path / f"{maker}.tar").read_bytes())
    # The outer entries carry no times, and those inside were set.
    assert written[0] == written[1]


def test_an_archive_describes_itself_by_digests(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").write_text("content")
    archive.write(tmp_path / "x.tar", "docker.io/local/x:1", tmp_path / "root", ("/a", "b"))
    files = files_of(tmp_path / "x.tar")
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["docker.io/local/x:1"]
    assert manifest["Config"] == f"{hashlib.sha256(files[manifest['Config']]).hexdigest()}.json"
    configuration = json.loads(files[manifest["Config"]])
    assert configuration["config"]["Cmd"] == ["/a", "b"]
    (layer,) = manifest["Layers"]
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(files[layer]).hexdigest()}"]


def test_an_unknown_image_is_answered_with_those_there_are() -> None:
    with pytest.raises(ClusterError, match="there are: pause, busybox, workload"):
        images.build("web")


@pytest.mark.cluster
def test_an_image_is_made_once_and_by_nobody_in_particular(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not debian.is_available():
        pytest.skip("there is no apt-get on this machine to fetch packages with")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = images.build("busybox")
    assert images.build("busybox") == made
    assert capsys.readouterr().err.count("made docker.io/local/busybox:1") == 1
    (layer,) = json.loads(files_of(made)["manifest.json"])[0]["Layers"]
    with tarfile.open(made) as outer, tarfile.open(fileobj=outer.extractfile(layer)) as files:
        names = files.getnames()
        assert {"usr/bin/busybox", "usr/bin/sh", "usr/bin/wget", "bin", "tmp"} <= set(names)
        assert {member.uid for member in files} == {0}


def test_wheels_of_images_are_pinned_by_digest() -> None:
    requirements = [wheel for recipe in images.RECIPES for wheel in recipe.wheels]
    assert requirements
    for requirement in requirements:
        assert re.fullmatch(r"[a-z][a-z-]*==[0-9.]+ --hash=sha256:[0-9a-f]{64}", requirement)


def test_wheels_are_unpacked_for_whichever_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    uv = programs / "uv"
    # The rest of what it is told is pip's business; what it says is ours.
    uv.write_text('#!/bin/sh\necho "$@" > "$(dirname "$0")/asked"\ntest -z "$FAILS$UV_COMPILE_BYTECODE"\n')
    uv.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    (tmp_path / "modules").mkdir()
    tools.unpack_wheels(["six==1.17.0 --hash=sha256:0"], tmp_path / "modules", tmp_path)
    asked = (programs / "asked").read_text()
    assert {"--no-deps", "--require-hashes", "--no-compile-bytecode"} <= set(asked.split())
    assert (tmp_path / "requirements.txt").read_text() == "six==1.17.0 --hash=sha256:0\n"
    monkeypatch.setenv("FAILS", "1")
    with pytest.raises(ClusterError, match="cannot fetch wheels"):
        tools.unpack_wheels(["six==1.17.0 --hash=sha256:0"], tmp_path / "modules", tmp_path)
