"""`esc login` and `esc logout` for Pulumi Cloud: which token, what is stored, and what a refusal says."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.cli.configuration import read_backend
from esc_operator.errors import ProviderError
from unit.cli.cloud.service import NOW, TOKEN, URL, answer

if TYPE_CHECKING:
    from pathlib import Path

    from unit.cli.machine import Esc

CREDENTIALS = "pulumi/credentials.json"
CHOICE = "pulumi/.esc/credentials.json"


def stored(esc: Esc, name: str = CREDENTIALS) -> Any:
    path = esc.home / name
    return json.loads(path.read_text()) if path.exists() else None


def identity(audience: str = "urn:pulumi:org:acme") -> str:
    claims = json.dumps({"iss": "https://issuer.example", "sub": "repo:acme/shop", "aud": audience})
    return f"h.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.s"


def write_stored(esc: Esc, content: Any) -> None:
    path = esc.home / CREDENTIALS
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    path.write_text(json.dumps(content))


def test_a_token_that_is_typed_is_stored_where_pulumis_command_looks_for_it(esc: Esc) -> None:
    esc.typed = [f" {TOKEN}\n"]
    done = esc("login", "https://API.pulumi.com/")
    assert (done.status, done.out, done.err) == (0, f"Logged in to {URL} as jane\n", "")
    assert esc.cloud.asked == [f"Access token for {URL} (it is not shown): ", "GET user"]
    assert stored(esc) == {
        "accessTokens": {URL: TOKEN},
        "accounts": {
            URL: {
                "accessToken": TOKEN,
                "username": "jane",
                "organizations": ["jane", "acme"],
                "lastValidatedAt": "2026-11-29T12:00:00Z",
            }
        },
    }
    assert (esc.home / CREDENTIALS).stat().st_mode & 0o777 == 0o600
    assert stored(esc, CHOICE) == {"name": URL}
    assert read_backend(esc.settings) == URL
    assert esc.cloud.insecure[-1] is False


@pytest.mark.parametrize("arguments", [("-c", URL), ("--cloud-url", URL), ("--default-org", "acme"), ("--shared",)])
def test_a_url_may_be_an_option_or_go_without_saying(esc: Esc, arguments: tuple[str, ...]) -> None:
    write_stored(esc, {"current": URL, "accessTokens": {URL: TOKEN}})
    assert esc("login", *arguments).out == f"Logged in to {URL} as jane\n"
    assert stored(esc, "pulumi/config.json") == (
        {"backends": {URL: {"defaultOrg": "acme"}}} if "--default-org" in arguments else None
    )


def test_the_login_of_pulumis_command_is_used_without_a_question(esc: Esc) -> None:
    write_stored(esc, {"current": URL, "accounts": {URL: {"accessToken": TOKEN, "of": "the future"}}, "version": 1})
    assert esc("login", URL).out == f"Logged in to {URL} as jane\n"
    assert stored(esc)["current"] == URL
    assert stored(esc)["accounts"][URL]["of"] == "the future"


def test_a_stored_token_that_is_refused_is_asked_for_anew(esc: Esc) -> None:
    write_stored(esc, {"accessTokens": {URL: "pul-old"}})
    esc.typed = [TOKEN]
    assert esc("login", URL).out == f"Logged in to {URL} as jane\n"
    assert stored(esc)["accessTokens"] == {URL: TOKEN}


def test_a_token_of_the_settings_is_not_stored_unless_that_is_asked_for(esc: Esc) -> None:
    esc.settings["PULUMI_ACCESS_TOKEN"] = TOKEN
    assert esc("login", URL).out == f"Logged in to {URL} as jane\n"
    assert stored(esc) is None
    assert read_backend(esc.settings) == URL
    assert esc("login", URL, "--save-token").status == 0
    assert stored(esc)["accessTokens"] == {URL: TOKEN}
    everything = [path.read_text() for path in esc.home.rglob("*.json")]
    assert sum(TOKEN in text for text in everything) == 1


def test_an_identity_token_is_exchanged_and_only_its_file_is_remembered(esc: Esc, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(identity())
    done = esc("login", URL, "--oidc-token", f"file://{tmp_path}/token", "--oidc-team", "platform")
    assert (done.out, done.err) == (f"Logged in to {URL} as acme\n", "")
    (form,) = esc.cloud.exchanged
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": "urn:pulumi:org:acme",
        "subject_token": identity(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "requested_token_type": "urn:pulumi:token-type:access_token:team",
        "scope": "team:platform",
        "expiration": "7200",
    }
    about = {"name": "", "organization": "acme", "team": "platform", "expiresAt": "2026-11-29T14:00:00Z"}
    assert stored(esc)["accounts"][URL]["tokenInformation"] == about
    source = f"file://{tmp_path}/token"
    kept = {"source": source, "organization": "acme", "team": "platform", "expiration": "2h"}
    assert stored(esc, "login.json") == {"backend": URL, "exchange": kept}
    assert not any(identity() in path.read_text() for path in esc.home.rglob("*.json"))


def test_an_identity_token_itself_is_not_kept_anywhere(esc: Esc) -> None:
    arguments = (
        "--oidc-token",
        identity("other"),
        "--oidc-org",
        "acme",
        "--oidc-user",
        "jane",
        "--oidc-expiration",
        "15m",
    )
    assert esc("login", *arguments).status == 0
    assert (esc.cloud.exchanged[0]["scope"], esc.cloud.exchanged[0]["expiration"]) == ("user:jane", "900")
    assert stored(esc, "login.json") == {"backend": URL}
    assert not any(identity("other") in path.read_text() for path in esc.home.rglob("*.json"))


def test_a_login_without_certificates_says_so_for_all_commands(esc: Esc) -> None:
    esc.typed = [TOKEN]
    esc("login", URL, "--insecure")
    assert stored(esc)["accounts"][URL]["insecure"] is True
    esc("env", "ls")
    assert all(esc.cloud.insecure)
    assert esc("login", URL).status == 0
    assert esc.cloud.insecure[-1] is False
    assert "insecure" not in stored(esc)["accounts"][URL]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("http://pulumi.acme.example",), 1, "would get the access token unencrypted: use https://"),
        ((URL, "-c", URL), 2, "URL and --cloud-url say the same: leave one of them out"),
        (("--shared", URL), 2, "--shared uses what `pulumi` is logged in to"),
        (("--shared",), 1, "`pulumi` is logged in to nothing: run esc login https://api.pulumi.com"),
        (("kubernetes://kind", "--default-org", "acme"), 2, "--default-org: only for Pulumi Cloud"),
        ((URL, "--oidc-org", "acme"), 2, "need --oidc-token"),
        ((URL, "--oidc-token", "x", "--oidc-org", "a"), 1, "the value of --oidc-token is no identity token"),
        ((URL, "--oidc-token", "file:///no/token"), 1, "could not read the identity token in /no/token: No such file"),
        ((URL, "--oidc-token", identity("other")), 1, "names no organization (its audience is not urn:pulumi:org:"),
        ((URL, "--oidc-token", identity(), "--oidc-team", "a", "--oidc-user", "b"), 1, "exclude each other"),
        (
            (URL, "--oidc-token", identity(), "--oidc-expiration", "soon"),
            1,
            '--oidc-expiration: "soon" is not a duration',
        ),
        ((URL,), 1, f"no access token for {URL}, and there is no terminal to ask at: set PULUMI_ACCESS_TOKEN, or give"),
    ],
)
def test_a_wrong_login_changes_nothing(esc: Esc, arguments: tuple[str, ...], status: int, message: str) -> None:
    done = esc("login", *arguments)
    assert (done.status, done.out) == (status, "")
    assert message in done.err
    assert stored(esc) is None
    assert stored(esc, "login.json") is None


def test_one_way_to_log_in_at_a_time(esc: Esc) -> None:
    esc.settings["PULUMI_ACCESS_TOKEN"] = TOKEN
    told = "PULUMI_ACCESS_TOKEN is set, and would be used in place of the exchanged token: unset it"
    assert told in esc("login", URL, "--oidc-token", identity()).err


@pytest.mark.parametrize("typed", ["", "  "])
def test_nothing_typed_is_told(esc: Esc, typed: str) -> None:
    esc.typed = [typed]
    assert "no access token was typed: create an access token of yours" in esc("login", URL).err


def test_a_token_that_is_refused_is_not_stored_nor_shown(esc: Esc) -> None:
    esc.typed = ["pul-wrong-canary"]
    done = esc("login", URL)
    assert (done.status, done.out) == (1, "")
    assert f"{URL} does not accept the access token (401) when asked to read the user" in done.err
    assert "canary" not in done.err
    assert "esc login" not in done.err, "that is what is being done"
    assert stored(esc) is None
    esc.settings["PULUMI_ACCESS_TOKEN"] = "pul-wrong-canary"
    assert "the token is that of PULUMI_ACCESS_TOKEN: correct it, or unset it" in esc("login", URL).err


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (ProviderError("https://x cannot be reached: nothing listens"), "https://x cannot be reached: nothing listens"),
        (answer({}, 500), f"{URL} failed (500) when asked to read the user: wait"),
        (answer({}, 429, **{"retry-after": "99"}), f"{URL} limits the rate of requests (429): wait 99 s"),
        (answer("<html>"), "answers there, not the API; set the URL of the API, such as https://api.pulumi.com"),
        (
            answer({}, 302, location="https://login.example/x"),
            "answered with a redirect to https://login.example (302)",
        ),
        (answer({"name": "x"}), "against what the API promises"),
    ],
    ids=["unreachable", "failing", "throttled", "page", "redirect", "other"],
)
def test_a_service_that_is_none_is_told(esc: Esc, failure: Any, message: str) -> None:
    if not isinstance(failure, ProviderError) and failure.body == b'"<html>"':
        failure = failure._replace(body=b"<html>", headers={"content-type": "text/html"})
    esc.cloud.fails["user"] = failure
    esc.typed = [TOKEN]
    done = esc("login", URL)
    assert (done.status, len(done.err.splitlines())) == (1, 1)
    assert message in done.err
    assert stored(esc) is None


@pytest.mark.parametrize("name", [CREDENTIALS, "login.json"])
def test_a_damaged_file_is_told_and_left(esc: Esc, name: str) -> None:
    esc("login", f"file://{esc.home}")
    path = esc.home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("canary {")
    path.chmod(0o600)
    esc.typed = [TOKEN]
    done = esc("login", URL)
    if name == CREDENTIALS:
        assert (done.status, path.read_text()) == (1, "canary {")
        assert f"{path} is damaged, and was left as it is: correct it, or move it away and log in again" in done.err
    assert "canary" not in done.out + done.err


def test_a_file_that_others_can_read_is_mended_and_that_is_said(esc: Esc) -> None:
    write_stored(esc, {"accessTokens": {URL: TOKEN}})
    (esc.home / CREDENTIALS).chmod(0o640)
    done = esc("login", URL)
    assert "had rights for others (640): esc took these rights away" in done.err
    assert (esc.home / CREDENTIALS).stat().st_mode & 0o777 == 0o600


def test_a_logout_forgets_the_token(esc: Esc) -> None:
    other = "https://pulumi.acme.example"
    write_stored(esc, {"current": "s3://state", "accessTokens": {URL: TOKEN, other: "pul-other", "s3://state": ""}})
    esc("login", URL)
    done = esc("logout")
    said = (
        f"Forgot the access token for {URL}\nLogged out; environments come from file://{esc.home}/environments again\n"
    )
    assert (done.status, done.out, done.err) == (0, said, "")
    assert stored(esc)["accessTokens"] == {other: "pul-other", "s3://state": ""}
    assert TOKEN not in (esc.home / CREDENTIALS).read_text()
    assert stored(esc, CHOICE) == {"name": ""}
    assert esc("logout").out == "Not logged in to anything.\n"
    assert esc("logout", f"{other}/").out == f"Forgot the access token for {other}\n"
    assert esc("logout", "-c", other).out == f"Not logged in to {other}.\n"


def test_a_logout_of_all_leaves_no_token(esc: Esc) -> None:
    write_stored(esc, {"accessTokens": {URL: TOKEN, "https://pulumi.acme.example": "pul-other"}})
    esc("login", URL)
    assert esc("logout", "--all").out.count("Forgot the access token for ") == 2
    assert stored(esc) is None


def test_a_logout_says_that_a_token_of_the_settings_stays(esc: Esc) -> None:
    esc.settings["PULUMI_ACCESS_TOKEN"] = TOKEN
    esc("login", URL)
    assert esc("logout").err == "Warning: PULUMI_ACCESS_TOKEN is set, and stays so: unset it\n"


def test_a_logout_of_two_things_is_refused(esc: Esc) -> None:
    assert esc("logout", URL, "--all").status == 2


# Which backend counts.


def test_settings_of_pulumi_say_which_pulumi_cloud_and_do_not_replace_a_folder_or_a_cluster(esc: Esc) -> None:
    default = f"file://{esc.home}/environments"
    esc.settings["PULUMI_BACKEND_URL"] = "s3://state"
    assert read_backend(esc.settings) == default
    esc.settings["PULUMI_API"] = "https://second.example/"
    assert read_backend(esc.settings) == "https://second.example"
    esc.settings["PULUMI_BACKEND_URL"] = "https://first.example"
    assert read_backend(esc.settings) == "https://first.example"
    esc.typed = [TOKEN]
    done = esc("login", URL)
    assert done.err == "Warning: PULUMI_BACKEND_URL is set, so https://first.example is used instead\n"
    assert read_backend(esc.settings) == "https://first.example"
    esc("login", "kubernetes://kind")
    assert read_backend(esc.settings) == "kubernetes://kind"
    esc.settings["ESC_BACKEND_URL"] = f"{URL}/"
    assert read_backend(esc.settings) == URL


def test_a_login_with_pulumis_own_esc_counts(esc: Esc) -> None:
    path = esc.home / CHOICE
    path.parent.mkdir(parents=True)
    for name, backend in ((URL, URL), ("", f"file://{esc.home}/environments")):
        path.write_text(json.dumps({"name": name}))
        assert read_backend(esc.settings) == backend
    path.write_text(json.dumps({"name": URL}))
    esc("login", f"file://{esc.home}")
    assert read_backend(esc.settings) == f"file://{esc.home}"


def test_the_expiry_of_the_stored_token_is_noticed_before_it_is_sent(esc: Esc) -> None:
    esc.cloud.lifetime = 600
    esc("login", URL, "--oidc-token", identity())
    esc.cloud.asked.clear()
    esc.cloud.now = NOW + timedelta(minutes=10)
    done = esc("open", "acme/shop/prod")
    assert (done.status, done.out) == (1, "")
    told = f"Error: the login to {URL} expired at 2026-11-29T12:10:00Z: log in again, with esc login {URL}\n"
    assert done.err == told
    assert esc.cloud.asked == []
    content = stored(esc)
    content["accounts"][URL]["refreshToken"] = "canary"
    write_stored(esc, content)
    assert "any command of pulumi renews it, or log in again" in esc("open", "acme/shop/prod").err
