"""Requests to hosts that inputs name: to the address that was judged, as the host that was named, and not for long."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.networks import Fence, parse_origin
from esc_operator.driver.outbound import LONGEST_ANSWER, Outbound, hosts_of
from esc_operator.errors import ProviderError
from esc_operator.providers.port import HttpAnswer, HttpRequest
from esc_operator.providers.token_endpoints import proxy_for
from local_https import Answer, HttpsServer, Question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

ANY = Fence(urls=("http://**", "https://**"))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def leads_to(*addresses: str) -> Callable[[str, int], Any]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


@contextlib.asynccontextmanager
async def answering(*pieces: bytes, pause: float = 0.0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers everybody with these pieces; its port, and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answers.add(task)
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        except (ConnectionError, asyncio.CancelledError):
            pass  # whoever asked has gone
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    answers: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)


def ask(*pieces: bytes, fence: Fence | None = ANY, path: str = "/", **more: Any) -> tuple[HttpAnswer, list[bytes]]:
    async def run() -> tuple[HttpAnswer, list[bytes]]:
        async with answering(*pieces) as (port, asked):
            sender = Outbound(fence, {}, leads_to("127.0.0.1"))
            return await sender.send(HttpRequest("GET", f"http://vault.example:{port}{path}", **more)), asked

    return asyncio.run(run())


def test_the_address_is_asked_as_the_host_that_was_named() -> None:
    answer, (asked,) = ask(OK, path="/v1/secret?version=2%2F3#part", headers={"X-Vault-Token": "t"})
    assert (answer.status, answer.body) == (200, b"ok")
    assert asked.startswith(b"GET /v1/secret?version=2%2F3 HTTP/1.1\r\n")
    assert b"Host: vault.example:" in asked
    assert b"X-Vault-Token: t" in asked


def test_tls_is_held_to_the_name_and_not_to_the_address(tmp_path: Path) -> None:
    seen: list[Question] = []

    def answer(question: Question) -> Answer:
        seen.append(question)
        return Answer({"ok": True})

    async def send(server: HttpsServer, name: str) -> HttpAnswer:
        port = server.url.rpartition(":")[2]
        sender = Outbound(ANY, {"SSL_CERT_FILE": str(server.ca_file)}, leads_to("127.0.0.1"))
        return await sender.send(HttpRequest("POST", f"https://{name}:{port}/v1", body=b"{}"))

    with HttpsServer(tmp_path, answer) as server:
        server.certify("vault.example")
        assert asyncio.run(send(server, "vault.example")).body == b'{"ok": true}'
        assert [question.body for question in seen] == [b"{}"]
        with pytest.raises(ProviderError, match="cannot be reached") as refused:
            asyncio.run(send(server, "other.example"))
        assert refused.value.reason == "Unreachable"
        assert len(seen) == 1


def test_an_address_that_is_not_public_is_not_even_connected_to() -> None:
    async def run() -> None:
        async with answering(OK) as (port, asked):
            for fence in (Fence(), Fence(urls=(f"https://vault.example:{port}",))):
                for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
                    sender = Outbound(fence, {}, leads_to(address))
                    with pytest.raises(ProviderError) as refused:
                        await sender.send(HttpRequest("GET", f"http://vault.example:{port}"))
                    assert refused.value.reason == "URLNotAllowed"
            sender = Outbound(Fence(), {}, leads_to("1.1.1.1", "127.0.0.1"))
            with pytest.raises(ProviderError, match="not at a public address"):
                await sender.send(HttpRequest("GET", f"https://vault.example:{port}"))
            assert asked == []

    asyncio.run(run())


def test_names_are_looked_up_and_numbers_in_any_form_are_judged() -> None:
    async def run() -> None:
        for host in ("localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]"):
            with pytest.raises(ProviderError) as refused:
                await Outbound(Fence(), {}).send(HttpRequest("GET", f"https://{host}:1/"))
            assert refused.value.reason in {"URLNotAllowed", "Unreachable"}, host
        async with answering(OK) as (port, _):
            answer = await Outbound(None, {}).send(HttpRequest("GET", f"http://localhost:{port}"))
            assert answer.status == 200

    asyncio.run(run())


def test_a_name_that_is_asked_for_again_does_not_lead_elsewhere() -> None:
    answers = iter((["1.1.1.1"], ["127.0.0.1"]))

    async def resolve(host: str, port: int) -> list[str]:
        return next(answers)

    async def run() -> None:

        origin = parse_origin("https://vault.example")
        assert await hosts_of(origin, Fence(), resolve) == ["1.1.1.1"]
        with pytest.raises(ProviderError):
            await hosts_of(origin, Fence(), resolve)

    asyncio.run(run())


def test_a_redirection_is_answered_and_not_followed() -> None:
    answer, asked = ask(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")
    assert len(asked) == 1


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    piece = b"x" * (1 << 16)
    pieces = [b"HTTP/1.1 200 OK\r\n\r\n", *([piece] * (2 * LONGEST_ANSWER // len(piece)))]
    with pytest.raises(ProviderError, match="request less from it") as refused:
        ask(*pieces)
    assert refused.value.reason == "AnswerTooLarge"


def test_an_unknown_authority_and_other_names_are_told_with_what_to_set(tmp_path: Path) -> None:
    def refusal(url: str, certificates: str) -> str:
        with pytest.raises(ProviderError) as refused:
            asyncio.run(Outbound(None, {"SSL_CERT_FILE": certificates}).send(HttpRequest("GET", url)))
        return refused.value.message

    with HttpsServer(tmp_path, lambda _: Answer({})) as server:
        message = refusal(server.url, "")
        assert message.startswith(f"{server.url} cannot be reached: there is no whole answer (UnknownAuthority: it is ")
        assert "SSL_CERT_FILE names the file with the authorities that are trusted" in message
        assert "tried again" not in message, "at a terminal nobody tries again"
        other = server.url.replace("127.0.0.1", "localhost")
        assert "WrongServerName: it is not trusted" in refusal(other, str(server.ca_file))
        message = refusal(server.url, "/does/not/exist")
        assert "the file /does/not/exist of SSL_CERT_FILE cannot be used (FileNotFoundError)" in message


def test_any_certificate_will_do_where_that_is_asked_for(tmp_path: Path) -> None:
    with HttpsServer(tmp_path, lambda _: Answer({"ok": True})) as server:
        sender = Outbound(None, {}, verifies=False)
        assert asyncio.run(sender.send(HttpRequest("GET", server.url))).body == b'{"ok": true}'


def test_what_is_packed_is_not_unpacked() -> None:
    answer, (asked,) = ask(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b")
    assert answer.body == b"\x1f\x8b"
    assert b"Accept-Encoding: identity" in asked


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (b"", "AnswerCutOff"),
        (b"nonsense\r\n\r\n", "Unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "AnswerCutOff"),
    ],
)
def test_what_is_no_whole_answer_is_told_without_its_words(piece: bytes, reason: str) -> None:
    with pytest.raises(ProviderError, match=r"http://vault\.example:\d+ cannot be reached") as refused:
        ask(piece, path="/v1/hunter2")
    assert refused.value.reason == reason
    assert "hunter2" not in refused.value.message


def test_a_host_that_answers_a_byte_at_a_time_keeps_nobody_for_long() -> None:
    async def run() -> None:
        async with answering(b"HTTP/1.1 200 OK\r\n\r\n", *([b"x"] * 1000), pause=0.01) as (port, _):
            sender = Outbound(ANY, {}, leads_to("127.0.0.1"), seconds=0.2)
            with pytest.raises(ProviderError, match=r"no whole answer within 0\.2 s") as refused:
                await sender.send(HttpRequest("GET", f"http://vault.example:{port}"))
            assert refused.value.reason == "AnswerTimeout"

    asyncio.run(run())


def test_nobody_listens_or_the_name_is_unknown() -> None:
    async def fails(host: str, port: int) -> list[str]:
        raise OSError("hunter2")

    for resolve, why, reason in (
        (leads_to("127.0.0.1"), "no whole answer|no connection", "Unreachable"),
        (fails, "its name has no address", "HostNotFound"),
    ):
        with pytest.raises(ProviderError, match=why) as refused:
            asyncio.run(Outbound(ANY, {}, resolve).send(HttpRequest("GET", "http://vault.example:1")))
        assert refused.value.reason == reason
        assert "hunter2" not in refused.value.message


def test_an_unknown_name_is_told_at_a_terminal_too() -> None:
    with pytest.raises(ProviderError, match="its name has no address") as refused:
        asyncio.run(Outbound(None, {}).send(HttpRequest("GET", "https://vault.invalid")))
    assert refused.value.reason == "HostNotFound"


def test_a_proxy_is_asked_for_the_address_that_was_judged() -> None:
    async def run() -> None:
        async with answering(b"HTTP/1.1 403 Forbidden\r\n\r\n") as (port, asked):
            settings = {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
            with pytest.raises(ProviderError, match="cannot be reached"):
                await Outbound(Fence(), settings, leads_to("1.1.1.1")).send(
                    HttpRequest("GET", "https://vault.example/")
                )
            assert asked[0].startswith(b"CONNECT 1.1.1.1:443 HTTP/1.1\r\n")
            with pytest.raises(ProviderError, match="not at a public address"):
                await Outbound(Fence(), settings, leads_to("10.0.0.1")).send(
                    HttpRequest("GET", "https://vault.example/")
                )
            assert len(asked) == 1

    asyncio.run(run())


def test_at_a_terminal_a_proxy_gets_the_name_and_its_refusal_is_told() -> None:
    async def run(answer: bytes) -> tuple[str, list[bytes]]:
        async with answering(answer) as (port, asked):
            settings = {"HTTPS_PROXY": f"http://me:hunter2@127.0.0.1:{port}"}
            with pytest.raises(ProviderError) as refused:
                await Outbound(None, settings).send(HttpRequest("GET", "https://vault.invalid/"))
            return refused.value.message.replace(f":{port}", ":PORT"), asked

    message, asked = asyncio.run(run(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
    assert asked[0].startswith(b"CONNECT vault.invalid:443 HTTP/1.1\r\n")
    assert "the proxy 127.0.0.1:PORT does not connect to it: it answered 407" in message
    for proxy, why in (
        ("http://127.0.0.1:1", "there is no connection to the proxy 127.0.0.1:1 (ConnectionRefused: it refuses"),
        ("socks5://127.0.0.1:1", "the proxy of the settings is not an HTTP proxy"),
    ):
        with pytest.raises(ProviderError) as refused:
            asyncio.run(Outbound(None, {"HTTPS_PROXY": proxy}).send(HttpRequest("GET", "https://vault.invalid/")))
        assert why in refused.value.message


def test_a_proxy_is_not_asked_for_what_is_spared() -> None:
    spared = {"HTTPS_PROXY": "http://proxy", "NO_PROXY": ".example"}
    assert proxy_for("vault.example", spared) is None
    assert proxy_for("vault.other", spared) == "http://proxy"


def test_a_file_of_authorities_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    async def ask_twice(server: HttpsServer, trusted: Path) -> None:
        sender = Outbound(None, {"SSL_CERT_FILE": str(trusted)})
        assert (await sender.send(HttpRequest("GET", server.url))).status == 200
        shutil.copy(other_authority, trusted)
        with pytest.raises(ProviderError, match="UnknownAuthority"):
            await sender.send(HttpRequest("GET", server.url))

    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with HttpsServer(tmp_path / "other", lambda _: Answer({})) as other:
        other_authority = other.ca_file
    with HttpsServer(tmp_path / "one", lambda _: Answer({})) as server:
        trusted = tmp_path / "trusted.pem"
        shutil.copy(server.ca_file, trusted)
        asyncio.run(ask_twice(server, trusted))
