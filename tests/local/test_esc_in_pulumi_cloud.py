"""`esc` as people run it, real processes of it, against a Pulumi Cloud on loopback."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local_issuer import LocalIssuer
from local_pulumi import LocalPulumi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ESC = [sys.executable, "-c", "from esc_operator.cli import main; raise SystemExit(main())"]
SECRET = "hunter2-hunter2"
DEFINITION = f"""\
values:
  database: {{host: db.example.com, port: 5432, password: {{fn::secret: {SECRET}}}}}
  environmentVariables:
    HOST: ${{database.host}}
    PASSWORD: ${{database.password}}
  files:
    CONF: "password=${{database.password}}\\n"
"""


class Person:
    """A home of its own with `esc`, and a Pulumi Cloud."""

    def __init__(self, home: Path, cloud: LocalPulumi) -> None:
        self.home, self.cloud = home, cloud
        self.temporary = home / "tmp"
        self.temporary.mkdir()
        unset = ("ESC_", "PULUMI_", "AWS_", "KUBECONFIG", "XDG_", "HTTPS_PROXY", "https_proxy")
        self.settings = {
            **{name: value for name, value in os.environ.items() if not name.startswith(unset)},
            "HOME": str(home),
            "TMPDIR": str(self.temporary),
            "SSL_CERT_FILE": str(cloud.ca_file),
        }

    @property
    def credentials(self) -> Path:
        return self.home / ".pulumi" / "credentials.json"

    def runs(self, *arguments: str, text: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ESC, *arguments],
            env={**self.settings, **settings},
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def starts(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*ESC, *arguments], env=self.settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def logs_in(self) -> str:
        """With a token of the setting, which is kept; the token."""
        token = self.cloud.create_token("acme", user="ada")
        done = self.runs("login", self.cloud.url, "--save-token", PULUMI_ACCESS_TOKEN=token)
        assert (done.returncode, done.stdout) == (0, f"Logged in to {self.cloud.url} as ada\n"), done.stderr
        return token

    @property
    def left(self) -> list[str]:
        return [str(path) for path in self.temporary.rglob("*")]


@pytest.fixture(scope="module")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPulumi]:
    with LocalPulumi(tmp_path_factory.mktemp("pulumi")) as cloud:
        cloud.create_organization("acme", members=["ada"], teams=["platform"])
        cloud.create_organization("other", members=["bob"])
        cloud.put("acme", "shop/prod", DEFINITION)
        cloud.put("acme", "default/base", "values: {a: 1}")
        yield cloud


@pytest.fixture
def person(tmp_path: Path, shared_cloud: LocalPulumi) -> Person:
    shared_cloud.clear_faults()
    shared_cloud.forget_requests()
    return Person(tmp_path, shared_cloud)


def test_from_login_to_logout(person: Person) -> None:
    token = person.logs_in()
    assert person.runs("env", "ls").stdout == "acme/default/base\nacme/shop/prod\n"
    assert person.runs("open", "acme/shop/prod", "database.password", "-f", "string").stdout == f"{SECRET}\n"
    script = 'echo "$HOST $PASSWORD $0"; cat "$CONF"; exit 7'
    done = person.runs("run", "acme/shop/prod", "--", "sh", "-c", script, "${database.port}")
    shown = "db.example.com [secret] 5432\n[secret]\n"
    assert (done.returncode, done.stdout, done.stderr) == (7, shown, "")
    assert person.left == []
    assert token in person.credentials.read_text()
    assert person.runs("logout").stdout.startswith(f"Forgot the access token for {person.cloud.url}\n")
    assert not person.credentials.exists()
    assert "not logged in" in person.runs("open", "acme/shop/prod", ESC_BACKEND_URL=person.cloud.url).stderr


def test_two_requests_open_an_environment(person: Person) -> None:
    person.logs_in()
    person.cloud.forget_requests()
    assert person.runs("open", "acme/shop/prod").returncode == 0
    assert sum(person.cloud.counts().values()) == 2


def test_a_token_is_typed_at_a_terminal_and_not_shown(person: Person) -> None:
    token = person.cloud.create_token("acme", user="ada")
    shown, status = at_a_terminal(person, ["login", person.cloud.url], "it is not shown", f"{token}\n")
    assert (status, token in shown) == (0, False), shown
    assert f"Logged in to {person.cloud.url} as ada" in shown
    assert json.loads(person.credentials.read_text())["accessTokens"] == {person.cloud.url: token}
    assert person.credentials.stat().st_mode & 0o777 == 0o600


def at_a_terminal(person: Person, arguments: list[str], prompt: str, typed: str) -> tuple[str, int]:
    """What the terminal shows of a command at which somebody types after a prompt, and its status."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(ESC[0], [*ESC, *arguments], person.settings)
    shown, answered = b"", False
    while select.select([terminal], [], [], 30)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if not answered and prompt.encode() in shown:
            answered = True
            time.sleep(0.2)
            os.write(terminal, typed.encode())
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_an_interruption_of_the_question_stores_nothing(person: Person) -> None:
    shown, status = at_a_terminal(person, ["login", person.cloud.url], "it is not shown", "pul-canary\x03")
    assert (status, "canary" in shown) == (130, False), shown
    assert [path.name for path in person.home.iterdir()] == ["tmp"]


def test_nobody_is_asked_without_a_terminal(person: Person) -> None:
    done = person.runs("login", person.cloud.url, text="pul-canary\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no terminal to ask at: set PULUMI_ACCESS_TOKEN, or give --oidc-token" in done.stderr
    assert "canary" not in done.stderr
    assert not person.credentials.exists()


def test_an_identity_token_is_exchanged_and_again_when_the_access_token_is_over(person: Person, tmp_path: Path) -> None:
    with LocalIssuer(tmp_path / "issuer") as issuer:
        person.cloud.trust_issuer("acme", issuer.url, str(issuer.ca_file))
        person.cloud.add_policy("acme", issuer.url, subject="repo:*", kind="team", team="platform")
        path = tmp_path / "token"
        path.write_text(issuer.token("repo:acme/shop", "urn:pulumi:org:acme"))
        login = ("login", person.cloud.url, "--oidc-token", f"file://{path}", "--oidc-team", "platform")
        done = person.runs(*login)
        assert (done.returncode, done.stderr) == (0, "")
        first = person.credentials.read_text()
        assert person.runs("open", "acme/shop/prod").returncode == 0
        content = json.loads(first)
        over = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        content["accounts"][person.cloud.url]["tokenInformation"]["expiresAt"] = over
        person.credentials.write_text(json.dumps(content))
        assert person.runs("open", "acme/shop/prod").returncode == 0
        assert json.loads(person.credentials.read_text())["accessTokens"] != content["accessTokens"]
        path.write_text(issuer.token("somebody", "urn:pulumi:org:acme"))
        refused = person.runs(*login)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
        assert "does not exchange the identity token of somebody" in refused.stderr


def test_findings_point_into_the_definition(person: Person) -> None:
    person.logs_in()
    person.cloud.put("acme", "shop/wrong", "values:\n  a: ${b.c}\n")
    done = person.runs("open", "acme/shop/wrong")
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert ":2:" in lines[0]
    assert lines[1] == "    2 |   a: ${b.c}"
    assert set(lines[2].strip(" |")) == {"^"}
    assert lines[-1] == "Error: acme/shop/wrong could not be opened"


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"status": 403}, "the access token may not open environment acme/shop/prod (403)"),
    ({"status": 429, "retry_after": "77"}, "limits the rate of requests of organization acme (429): wait 77 s"),
    ({"status": 500}, "failed (500, request "),
    ({"status": 302, "location": "https://login.example/x"}, "answered with a redirect to https://login.example (302)"),
    ({"body": "<html>log in</html>", "content_type": "text/html"}, "answered with an HTML page (200)"),
    ({"cut_off": True}, "cannot be reached: there is no whole answer (ConnectionClosed"),
    ({"size": 3_000_000}, "answered with more than 1048576 bytes when asked to open environment acme/shop/prod"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS, ids=[str(fault) for fault, _ in FAULTS])
def test_a_failure_is_one_line_and_leaves_nothing(person: Person, fault: dict[str, Any], message: str) -> None:
    token = person.logs_in()
    person.cloud.add_fault(path="/api/esc/*/open*", **fault)
    done = person.runs("run", "acme/shop/prod", "--", "touch", str(person.home / "ran"))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert message in done.stderr
    assert token not in done.stderr
    assert not (person.home / "ran").exists()
    assert person.left == []


def test_what_the_token_may_not_see_is_told_with_what_there_is(person: Person) -> None:
    person.logs_in()
    assert 'did you mean "acme/shop/prod"?' in person.runs("open", "acme/shop/prot").stderr
    assert "there is no organization nobody" in person.runs("open", "nobody/shop/prod").stderr
    assert 'has no revision or tag "99"' in person.runs("open", "acme/shop/prod@99").stderr
    assert "did you mean" not in person.runs("open", "other/shop/prot").stderr


def test_a_token_that_is_revoked_is_told_with_what_to_do(person: Person) -> None:
    person.cloud.revoke(person.logs_in())
    done = person.runs("open", "acme/shop/prod")
    assert done.stderr.endswith(f"; log in again: esc login {person.cloud.url}\n")


def test_a_private_authority_is_told_with_the_setting_that_names_it(person: Person) -> None:
    person.logs_in()
    done = person.runs("open", "acme/shop/prod", SSL_CERT_FILE="")
    assert "UnknownAuthority: it is not trusted" in done.stderr
    assert "SSL_CERT_FILE names the file with the authorities that are trusted" in done.stderr
    token = person.cloud.create_token("acme", user="ada")
    person.settings["SSL_CERT_FILE"] = ""
    settings = {"PULUMI_ACCESS_TOKEN": token}
    assert person.runs("login", person.cloud.url, "--insecure", **settings).returncode == 0
    assert person.runs("open", "acme/shop/prod", **settings).returncode == 0


def test_nothing_that_listens_is_told_at_once_or_after_some_tries(person: Person) -> None:
    done = person.runs("env", "ls", ESC_BACKEND_URL="https://127.0.0.1:1", PULUMI_ACCESS_TOKEN="pul-x")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    told = "https://127.0.0.1:1 cannot be reached: there is no whole answer (ConnectionRefused: it refuses connections"
    assert told in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(person: Person, number: signal.Signals) -> None:
    person.logs_in()
    before = person.credentials.read_text()
    person.cloud.forget_requests()
    person.cloud.add_fault(method="GET", path="/api/esc/*/open/*", delay=5)
    with person.starts("run", "acme/shop/prod", "--", "touch", str(person.home / "ran")) as process:
        while not person.cloud.counts():
            time.sleep(0.05)
        # It was opened; what is waited for now are the values.
        time.sleep(0.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == ({signal.SIGINT: 130, signal.SIGTERM: -15}[number], "", "")
    assert not (person.home / "ran").exists()
    assert person.left == []
    assert person.credentials.read_text() == before


def test_logins_at_the_same_time_are_all_kept(person: Person) -> None:
    token = person.cloud.create_token("acme", user="ada")
    person.settings["PULUMI_ACCESS_TOKEN"] = token
    urls = [person.cloud.url, person.cloud.url.replace("127.0.0.1", "localhost")]
    person.cloud.certify("localhost")
    processes = [person.starts("login", url, "--save-token") for url in urls]
    for process in processes:
        with process:
            assert process.wait(60) == 0, process.communicate()
    assert json.loads(person.credentials.read_text())["accessTokens"] == dict.fromkeys(urls, token)
