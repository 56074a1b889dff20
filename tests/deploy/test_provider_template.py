"""The template of a provider works as PROVIDERS.md says: esc finds it, and it passes the suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from local_cluster import places

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = places.REPOSITORY / "deploy" / "examples" / "provider"
ESC = "import sys; from esc_operator.cli import main; sys.exit(main())"
PAGE = (places.REPOSITORY / "operator" / "PROVIDERS.md").read_text()


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Environment variables with which Python has the template as an installed distribution, as an editable install
    leaves it: its metadata beside a path to its code."""
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in those.items()) for group, those in groups
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return {**os.environ, "PYTHONPATH": f"{tmp_path}:{TEMPLATE}", "PYTHONDONTWRITEBYTECODE": "1"}


def run(*command: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=TEMPLATE, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_esc_knows_it_without_being_told(installed: dict[str, str], tmp_path: Path) -> None:
    shown = json.loads(run("-c", ESC, "schema", "acme-login", env=installed))
    assert shown["fn::open::acme-login"]["inputs"]["required"] == ["address", "account"]
    of_files = run("-c", ESC, "schema", env=installed)
    assert '"fn::open::acme-login"' in of_files
    environments = tmp_path / "home" / "environments" / "team"
    environments.mkdir(parents=True)
    (environments / "web.yaml").write_text(
        "values:\n  acme:\n    fn::open::acme-login:\n      address: acme\n      account: web\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ESC, "open", "team/web"],
        env={**installed, "ESC_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "`address` is not a URL: write one such as https://acme.example.com" in done.stderr


def test_one_that_cannot_be_loaded_is_named_and_hides_no_other(installed: dict[str, str], tmp_path: Path) -> None:
    (metadata,) = tmp_path.glob("*.dist-info")
    (metadata / "entry_points.txt").write_text("[esc_operator.providers]\nacme-login = acme_esc.nowhere:PROVIDER\n")
    done = subprocess.run(
        [sys.executable, "-c", ESC, "schema"], env=installed, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "fn::open::acme-login" not in done.stdout
    assert '"fn::open::aws-login"' in done.stdout
    assert 'Warning: the provider "acme-login" (acme-esc: acme_esc.nowhere:PROVIDER) could not be loaded' in done.stderr


def test_it_passes_its_own_tests(installed: dict[str, str]) -> None:
    said = run(
        "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "tests", env=installed
    )
    assert "passed" in said
    assert "failed" not in said


def test_the_page_shows_what_the_template_is() -> None:
    code = (TEMPLATE / "tests" / "test_login.py").read_text()
    for line in ("plugin=AcmeLogin,", 'answers=[json_answer({"token": "acme-granted-token", "expires_in": 3600})],'):
        assert line in code
        assert line in PAGE
    assert "deploy/examples/provider" in PAGE


def test_the_page_names_only_what_is_there() -> None:
    from esc_operator import testing

    for name in ("Trial", "Failure", "checks", "Check", "json_answer", "FakeContext", "FakeIdentity"):
        assert f"{name}" in PAGE
        assert name in testing.__all__
