"""`esc open` with what a folder and a namespace hold: with the user's own rights, and nothing beyond them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from unit.cli.machine import Esc

FILE = "values:\n  ca: {fn::open::file: {path: PATH}}\n"
READ: dict[str, Any] = {"fn::open::kubernetes-secrets": {"get": {"db": {"name": "db", "key": "password"}}}}


def cluster(esc: Esc, values: dict[str, Any]) -> FakeSession:
    session = esc.clusters["kind"] = FakeSession(environments={("apps", "web"): {"environment": {"values": values}}})
    esc("login", "kubernetes://kind")
    return session


def test_a_file_of_the_folder_is_read(esc: Esc) -> None:
    esc.write("default/web", FILE.replace("PATH", "certs/ca.pem"))
    (esc.environments / "certs").mkdir()
    (esc.environments / "certs/ca.pem").write_text("a certificate")
    answer = esc("open", "web", "ca")
    assert (answer.status, answer.out) == (0, '"a certificate"\n')


def test_a_link_out_of_the_folder_is_refused(esc: Esc) -> None:
    esc.write("default/web", FILE.replace("PATH", "key"))
    (esc.home / "key").write_text("a key of the user")
    (esc.environments / "key").symlink_to(esc.home / "key")
    answer = esc("open", "web")
    assert answer.status != 0
    assert "copy it into that folder" in answer.err
    assert "a key of the user" not in answer.out + answer.err


def test_an_environment_of_a_cluster_reads_no_file_of_the_user(esc: Esc) -> None:
    cluster(esc, {"ca": {"fn::open::file": {"path": "kubeconfig"}}})
    answer = esc("open", "web")
    assert answer.status != 0
    assert "files are read only at a terminal, from a folder of environments" in answer.err


def test_a_folder_has_no_secrets_of_a_namespace_and_says_so(esc: Esc) -> None:
    esc.write("default/web", f"values: {{read: {READ}}}\n".replace("'", ""))
    answer = esc("open", "web")
    assert answer.status != 0
    assert "esc login kubernetes://CONTEXT" in answer.err


def test_a_secret_of_the_namespace_is_read_as_the_user(esc: Esc) -> None:
    session = cluster(esc, {"read": READ})
    session.secrets["apps", "db"] = {"data": {"password": base64.b64encode(b"from-the-secret").decode()}}
    answer = esc("open", "web", "read.db")
    assert (answer.status, answer.out) == (0, '"from-the-secret"\n')
    assert session.tokens == []
