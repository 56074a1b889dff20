from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from esc_operator.cli.configuration import read_backend
from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from unit.cli.machine import Esc


def test_a_folder_is_remembered_by_its_full_path(esc: Esc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "envs").mkdir()
    monkeypatch.chdir(tmp_path)
    answer = esc("login", "file://envs")
    assert (answer.status, answer.out) == (0, f"Logged in to file://{tmp_path}/envs\n")
    assert read_backend(esc.settings) == f"file://{tmp_path}/envs"


def test_the_choice_is_for_the_user_only(esc: Esc, tmp_path: Path) -> None:
    esc.settings["ESC_HOME"] = str(tmp_path / "new" / "home")
    assert esc("login", f"file://{tmp_path}").status == 0
    assert stat.S_IMODE((tmp_path / "new" / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "home" / "login.json").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new" / "home").iterdir()] == ["login.json"]


def test_a_cluster_is_remembered_by_its_contexts_name(esc: Esc) -> None:
    assert esc("login", "kubernetes://").out == "Logged in to kubernetes://kind\n"
    assert esc("login", "kubernetes://arn:aws:eks:x/prod").status == 0
    assert read_backend(esc.settings) == "kubernetes://arn:aws:eks:x/prod"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///does/not/exist", "there is no folder /does/not/exist"),
        ("kubernetes://nope", 'the kubeconfig has no context "nope"; it has arn:aws:eks:x/prod, kind'),
        ("s3://bucket", '"s3://bucket" is not a backend; use one of'),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_reported(esc: Esc, url: str, message: str) -> None:
    answer = esc("login", url)
    assert answer.status == 1
    assert answer.err.startswith("Error: ")
    assert message in answer.err
    assert not (esc.home / "login.json").exists()


def test_without_a_url_it_says_what_there_is_to_choose_from(esc: Esc) -> None:
    answer = esc("login")
    assert answer.status == 0
    assert f"Environments come from file://{esc.home}/environments" in answer.out
    assert "esc login kubernetes://CONTEXT" in answer.out
    assert "Contexts of your kubeconfig: arn:aws:eks:x/prod, kind" in answer.out


def test_a_token_of_pulumi_cloud_that_is_not_used_is_told(esc: Esc) -> None:
    esc.settings["PULUMI_ACCESS_TOKEN"] = "canary"
    done = esc("login")
    assert done.out.endswith("PULUMI_ACCESS_TOKEN is set, and not used before you choose Pulumi Cloud.\n")
    assert "canary" not in done.out
    esc.settings["PULUMI_BACKEND_URL"] = "https://api.pulumi.com"
    assert "is set" not in esc("login").out


def test_an_organization_without_a_login_is_told_what_it_would_take(esc: Esc) -> None:
    told = (
        'Error: the kubeconfig has no context "acme"; it has arn:aws:eks:x/prod, kind; if acme is an organization of '
        "Pulumi Cloud, log in there first: esc login https://api.pulumi.com\n"
    )
    assert esc("open", "acme/shop/prod").err == told


def test_a_setting_overrides_the_choice_and_login_says_so(esc: Esc) -> None:
    esc.settings["ESC_BACKEND_URL"] = "kubernetes://kind"
    answer = esc("login", f"file://{esc.home}")
    assert "ESC_BACKEND_URL is set, so kubernetes://kind is used instead" in answer.err
    assert read_backend(esc.settings) == "kubernetes://kind"


def test_logout_goes_back_to_the_default(esc: Esc) -> None:
    esc("login", "kubernetes://kind")
    assert esc("logout").out == f"Logged out; environments come from file://{esc.home}/environments again\n"
    assert esc("logout").out == "Not logged in to anything.\n"
    assert read_backend(esc.settings) == f"file://{esc.home}/environments"


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_damaged_file_is_reported_and_mended_by_logging_in(esc: Esc, text: str) -> None:
    (esc.home / "login.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is damaged: run `esc login` again"):
        read_backend(esc.settings)
    assert esc("login", f"file://{esc.home}").status == 0
    assert json.loads((esc.home / "login.json").read_text()) == {"backend": f"file://{esc.home}"}


def test_a_kubeconfig_that_is_not_yaml_is_told_without_its_text(esc: Esc) -> None:
    (esc.home / "kubeconfig").write_text("token: [hunter2")
    answer = esc("login", "kubernetes://kind")
    assert answer.err == f"Error: the kubeconfig {esc.home}/kubeconfig is not YAML\n"
    assert esc("login").status == 0
