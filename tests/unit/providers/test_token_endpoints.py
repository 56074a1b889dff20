"""What goes over the wire to a token endpoint, and what comes back of everything that may go wrong."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.providers.token_endpoints import Post, Reply, TokenEndpoints, Unreachable, host_of, is_https
from local_https import Answer, HttpsServer, Question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server(HttpsServer):
    """Answers in order, the last answer again and again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, self._next)
        self.answers = [Answer({"access_token": "granted"}, headers={"X-Name": "value"})]
        self.questions: list[Question] = []

    @property
    def settings(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self.ca_file)}

    def _next(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answers[min(len(self.questions), len(self.answers)) - 1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


def send(server: Server, *, settings: Any = None, attempts: int = 1, **post: Any) -> Reply | Unreachable:
    endpoints = TokenEndpoints(attempts=attempts, connect_timeout=2, read_timeout=2)
    given = Post(f"{server.url}/token", post.pop("fields", {"a": "b c"}), **post)
    return endpoints.send(given, server.settings if settings is None else settings)


def test_a_form_is_sent_as_one(server: Server) -> None:
    answer = send(server)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.content, answer.headers["x-name"]) == (200, {"access_token": "granted"}, "value")
    (question,) = server.questions
    assert (question.method, question.path, question.body) == ("POST", "/token", b"a=b+c")
    assert question.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in question.headers


def test_json_is_sent_as_the_bearer(server: Server) -> None:
    send(server, is_json=True, bearer="given")
    (question,) = server.questions
    assert (question.content, question.bearer) == ({"a": "b c"}, "given")
    assert question.headers["content-type"] == "application/json"


@pytest.mark.parametrize("content", ["<html>", "[1]", '"text"', "", "[" * 100_000, '{"a": "' + "x" * 300_000 + '"}'])
def test_what_is_no_object_or_too_long_is_none(server: Server, content: str) -> None:
    server.answers = [Answer(content)]
    answer = send(server)
    assert isinstance(answer, Reply)
    assert answer.content is None


def test_a_redirection_is_not_followed(server: Server) -> None:
    server.answers = [Answer({}, 307, {"Location": f"{server.url}/elsewhere"})]
    answer = send(server)
    assert isinstance(answer, Reply)
    assert (answer.status, len(server.questions)) == (307, 1)


def test_a_failure_is_asked_again_and_the_last_one_is_reported(server: Server) -> None:
    server.answers = [Answer({}, 503), Answer({}, 200)]
    answer = send(server, attempts=2)
    assert isinstance(answer, Reply)
    assert answer.status == 200
    server.answers = [Answer({"error": "down"}, 503, {"Retry-After": "17"})]
    answer = send(server, attempts=2)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.content, answer.headers["retry-after"]) == (503, {"error": "down"}, "17")
    assert len(server.questions) == 4


def test_a_refusal_is_not_asked_again(server: Server) -> None:
    server.answers = [Answer({"error": "invalid_client"}, 401), Answer({}, 200)]
    answer = send(server, attempts=3)
    assert isinstance(answer, Reply)
    assert (answer.status, len(server.questions)) == (401, 1)


def test_a_certificate_of_nobody_is_not_trusted(server: Server) -> None:
    assert send(server, settings={}) == Unreachable("SSLError")
    assert not server.questions


def test_certificates_that_cannot_be_read_are_reported(server: Server, tmp_path: Path) -> None:
    assert send(server, settings={"SSL_CERT_FILE": str(tmp_path / "gone")}) == Unreachable("FileNotFoundError")


def test_nobody_at_the_other_end_is_unreachable(server: Server) -> None:
    server.stop()
    assert send(server) == Unreachable("NewConnectionError")


def test_who_does_not_answer_in_time_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        endpoints = TokenEndpoints(attempts=1, connect_timeout=0.05, read_timeout=0.05)
        assert isinstance(endpoints.send(Post(url, {}), {}), Unreachable)


@pytest.mark.parametrize(
    ("spared", "is_used"),
    [("", True), ("example.com", True), ("127.0.0.1", False), ("a, .0.0.1 ", False), ("*", False), ("7.0.0.1", True)],
)
def test_a_proxy_is_asked_unless_the_host_is_spared(server: Server, spared: str, is_used: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
    answer = send(server, settings={**server.settings, "HTTPS_PROXY": proxy, "NO_PROXY": spared})
    assert isinstance(answer, Unreachable) == is_used
    assert bool(server.questions) != is_used


def test_nothing_secret_is_logged_at_debug_level(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.answers = [Answer({}, 503), Answer({"access_token": "granted-token"})]
    # What else runs in this process may have held the library's logger at warning, as the operator does.
    with caplog.at_level(logging.DEBUG, "urllib3"):
        answer = send(server, attempts=2, fields={"client_assertion": "presented-token"}, bearer="bearer-token")
    assert isinstance(answer, Reply)
    assert answer.status == 200
    assert "urllib3" in caplog.text
    assert not [secret for secret in ("granted-token", "presented-token", "bearer-token") if secret in caplog.text]


def test_only_https_is_fit_for_a_token() -> None:
    assert is_https("https://login.example:8443/a")
    for url in ("http://login.example", "login.example", "https://", "https://login.example:x", "https://a\n"):
        assert not is_https(url)


def test_a_host_is_reported_without_a_password() -> None:
    assert host_of("https://u:pw@login.example:8443/a") == "login.example:8443"
