from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from esc_operator.cli.identities import FolderIdentity, ServiceAccountIdentity, TokenFileIdentity
from esc_operator.errors import ForbiddenError, IdentityError, KubeError, UnavailableError
from esc_operator.providers.port import ReadsObjects
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from pathlib import Path


def jwt(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{payload}.signature"


def ask(settings: dict[str, str], audience: str = "sts.amazonaws.com") -> str:
    return asyncio.run(TokenFileIdentity(settings).token(audience)).reveal()


def test_the_token_is_read_from_the_file_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    settings = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path)}
    for number in range(2):
        path.write_text(jwt(aud="sts.amazonaws.com", jti=number) + "\n")
        assert ask(settings) == jwt(aud="sts.amazonaws.com", jti=number)


def test_our_own_setting_comes_first(tmp_path: Path) -> None:
    (tmp_path / "own").write_text(jwt(aud=["a", "sts.amazonaws.com"]))
    settings = {"ESC_OIDC_TOKEN_FILE": str(tmp_path / "own"), "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "aws")}
    assert ask(settings) == jwt(aud=["a", "sts.amazonaws.com"])
    assert TokenFileIdentity(settings).subject == f"file:{tmp_path}/own"


def test_a_token_is_not_shown_to_anybody_it_is_not_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(jwt(aud="sts.amazonaws.com"))
    with pytest.raises(IdentityError, match=r"no identity token for vault: .* is for sts\.amazonaws\.com") as caught:
        ask({"ESC_OIDC_TOKEN_FILE": str(tmp_path / "token")}, "vault")
    assert "signature" not in str(caught.value)


def test_of_several_files_the_one_counts_whose_token_is_for_who_asks(tmp_path: Path) -> None:
    audiences = {"AWS_WEB_IDENTITY_TOKEN_FILE": "sts.amazonaws.com", "AZURE_FEDERATED_TOKEN_FILE": "api://azure"}
    settings = {name: str(tmp_path / name) for name in audiences}
    for name, audience in audiences.items():
        (tmp_path / name).write_text(jwt(aud=audience))
        assert ask({name: settings[name]}, audience) == ask(settings, audience) == jwt(aud=audience)
    told = r"AWS_WEB\w+ is for sts\.amazonaws\.com and the one in .*AZURE_\w+ is for api://azure; name a file"
    with pytest.raises(IdentityError, match=told):
        ask(settings, "vault")


def test_without_a_token_it_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    for settings, message in [
        ({}, "no identity token to log in with: .* ESC_OIDC_TOKEN_FILE or AWS_WEB_IDENTITY_TOKEN_FILE"),
        ({"ESC_OIDC_TOKEN_FILE": str(tmp_path / "nope")}, "could not read the identity token in .*No such file"),
        ({"ESC_OIDC_TOKEN_FILE": str(tmp_path / "empty")}, "empty holds no identity token"),
        ({"ESC_OIDC_TOKEN_FILE": str(tmp_path / "binary")}, "binary holds no identity token"),
    ]:
        with pytest.raises(IdentityError, match=message):
            ask(settings)


def test_a_service_account_asks_its_cluster() -> None:
    session = FakeSession()
    identity = ServiceAccountIdentity(session, "apps", "deployer")
    assert identity.subject == "system:serviceaccount:apps:deployer"
    asyncio.run(identity.token("vault"))
    assert session.tokens == [("apps", "deployer", "vault")]


@pytest.mark.parametrize("audience", ["https://kubernetes.default.svc", "https://issuer.example"])
def test_a_token_for_an_api_server_is_handed_to_nobody(tmp_path: Path, audience: str) -> None:
    (tmp_path / "token").write_text(jwt(iss="https://issuer.example", aud=audience))
    with pytest.raises(IdentityError, match="is an API server's own") as caught:
        ask({"ESC_OIDC_TOKEN_FILE": str(tmp_path / "token")}, audience)
    assert caught.value.reason == "AudienceNotAllowed"


def test_no_token_for_the_api_server_is_asked_of_it() -> None:
    identity = ServiceAccountIdentity(FakeSession(), "apps", "default")
    with pytest.raises(IdentityError, match="is an API server's own"):
        asyncio.run(identity.token("https://kubernetes.default.svc"))


def test_objects_of_a_cluster_are_read_with_the_users_own_rights() -> None:
    session = FakeSession(
        secrets={("apps", "db"): {"data": {}}}, config_maps={("apps", "settings"): {"data": {"mode": "fast"}}}
    )
    identity = ServiceAccountIdentity(session, "apps", "default")
    assert isinstance(identity, ReadsObjects)
    assert asyncio.run(identity.read_object("Secret", "db")) == {"data": {}}
    assert asyncio.run(identity.read_object("ConfigMap", "settings")) == {"data": {"mode": "fast"}}
    assert asyncio.run(identity.read_object("Secret", "settings")) is None
    assert session.tokens == []


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [(ForbiddenError("you may not"), "ObjectForbidden"), (UnavailableError("it is down"), "KubernetesUnavailable")],
)
def test_what_the_cluster_refuses_is_told_in_its_words(refusal: KubeError, reason: str) -> None:
    identity = ServiceAccountIdentity(FakeSession(refusal=refusal), "apps", "default")
    with pytest.raises(IdentityError, match=refusal.message) as caught:
        asyncio.run(identity.read_object("Secret", "db"))
    assert caught.value.reason == reason


def test_files_are_read_from_the_folder_alone(tmp_path: Path) -> None:
    folder, outside = tmp_path / "envs", tmp_path / "key"
    folder.mkdir()
    outside.write_text("of the user")
    (folder / "ca.pem").write_text("of the team")
    (folder / "inner").symlink_to("ca.pem")
    (folder / "link").symlink_to(outside)
    (folder / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    os.mkfifo(folder / "pipe")
    identity = FolderIdentity({}, str(folder))
    assert identity.read_file("ca.pem") == identity.read_file("inner") == b"of the team"
    for path, message in {
        "link": "is outside of .*/envs: copy it into that folder",
        "../key": "is outside of",
        str(outside): "is outside of",
        "none": "there is no file none in .*: create it",
        "pipe": "there is no file pipe",
        "large": "more than 1,048,576 bytes",
    }.items():
        with pytest.raises(IdentityError, match=message) as caught:
            identity.read_file(path)
        assert caught.value.reason == "FileUnreadable"
