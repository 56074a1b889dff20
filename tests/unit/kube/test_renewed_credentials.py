"""Credentials that change while a process runs: files that are replaced, bundles and tokens that are refused."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import shutil
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from cryptography import x509

from esc_operator.errors import UnavailableError
from esc_operator.kube.api import KubeApi
from esc_operator.kube.client_config import ClientConfig, Credentials
from esc_operator.kube.connect import from_kubeconfig, in_cluster
from esc_operator.kube.connection import LOOK_SECONDS, REREAD_SECONDS, Connection
from esc_operator.kube.paths import ENVIRONMENTS
from local_cluster import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path


class Pki:
    """An authority, the API server's certificate by it, and an administrator's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        authority = certificates.Authority.create(folder)
        authority.issue_client(certificates.ADMIN)
        authority.issue_server("apiserver", "kube-apiserver", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])

    def server_tls(self, trusted: Path) -> ssl.SSLContext:
        """As kube-apiserver has it: a client may prove who it is by a certificate."""
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=trusted)
        tls.load_cert_chain(self.folder / "apiserver.crt", self.folder / "apiserver.key")
        tls.verify_mode = ssl.CERT_OPTIONAL
        return tls


@pytest.fixture(scope="module")
def pkis(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pki, Pki]:
    folder = tmp_path_factory.mktemp("pki")
    return Pki(folder / "first"), Pki(folder / "second")


class Server:
    """Answers where the token is `good`, or asks nobody for one; `serials` are those of the certificates it was shown.
    Started anew on the same port, it has another certificate."""

    def __init__(self) -> None:
        self.good = ""
        self.tokens: list[str] = []
        self.serials: list[str] = []
        self.port = 0
        self.hold: asyncio.Event | None = None
        self._runner: web.ServerRunner | None = None

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        shown = request.get_extra_info("peercert") or {}
        self.serials.append(shown.get("serialNumber", ""))
        if self.hold:
            await self.hold.wait()
        if self.good not in self.tokens[-1]:
            return web.json_response({"kind": "Status", "message": "Unauthorized"}, status=401)
        return web.json_response({"items": [], "metadata": {}})

    async def start(self, tls: ssl.SSLContext | None = None) -> str:
        await self.stop()
        self._runner = web.ServerRunner(web.Server(self.handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]
        return f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def play(story: Callable[[Server, Clock], Coroutine[Any, Any, None]]) -> Server:
    server = Server()

    async def run() -> None:
        try:
            async with asyncio.timeout(20):
                await story(server, Clock())
        finally:
            await server.stop()
            await asyncio.sleep(0.1)  # TLS connections end some turns of the loop later

    asyncio.run(run())
    return server


def account(folder: Path, pki: Pki, token: str) -> dict[str, str]:
    """What a pod is given, and its environment."""
    shutil.copy(pki.folder / "ca.crt", folder / "ca.crt")
    (folder / "token").write_text(token)
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": ""}


def set_clock(connection: Connection, clock: Clock) -> None:
    """Of one that was read from files, and goes by the machine's."""
    connection._clock, connection._looked_at = clock, clock()


async def ask(api: KubeApi) -> None:
    await api.list_page(ENVIRONMENTS, None, dict)


def in_turn(clock: Clock, url: str, *found: Credentials | Exception) -> Connection:
    """A connection whose credentials are read in that order; the last of them again and again."""
    left = list(found)

    async def reread() -> ClientConfig:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return ClientConfig(url, now)

    return Connection(ClientConfig(url, Credentials(authorization="Bearer old")), reread=reread, clock=clock)


def test_a_pod_finds_its_new_token_and_its_new_bundle_when_the_old_ones_are_refused(
    tmp_path: Path, pkis: tuple[Pki, Pki], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "esc_operator")
    first, second = pkis

    async def story(server: Server, _: Clock) -> None:
        await server.start(first.server_tls(first.folder / "ca.crt"))
        environ = account(tmp_path, first, "one")
        connection = in_cluster({**environ, "KUBERNETES_SERVICE_PORT": str(server.port)}, tmp_path)
        api = KubeApi(connection)
        try:
            server.good = "one"
            await ask(api)
            account(tmp_path, second, "two")
            server.good = "two"
            await server.start(second.server_tls(second.folder / "ca.crt"))
            await ask(api)
            assert server.tokens == ["Bearer one", "Bearer two"]
        finally:
            await api.close()

    play(story)
    assert [one.getMessage() for one in caplog.records] == [
        "The credentials for the API server have changed: using the new ones."
    ]


def test_a_bundle_that_does_not_know_the_server_is_reported_and_read_again_until_it_does(
    tmp_path: Path, pkis: tuple[Pki, Pki]
) -> None:
    first, second = pkis

    async def story(server: Server, clock: Clock) -> None:
        await server.start(second.server_tls(second.folder / "ca.crt"))
        environ = account(tmp_path, first, "one")
        connection = in_cluster({**environ, "KUBERNETES_SERVICE_PORT": str(server.port)}, tmp_path)
        set_clock(connection, clock)
        api = KubeApi(connection)
        try:
            with pytest.raises(UnavailableError, match=r"\(UnknownAuthority\): look at the CA bundle"):
                await ask(api)
            account(tmp_path, second, "one")
            clock.seconds += REREAD_SECONDS
            await ask(api)
        finally:
            await api.close()

    play(story)


def test_a_client_certificate_that_was_replaced_on_disk_is_used_for_new_connections_and_ends_no_request(
    tmp_path: Path, pkis: tuple[Pki, Pki]
) -> None:
    pki, other = pkis
    for name in ("ca.crt", "admin.crt", "admin.key"):
        shutil.copy(pki.folder / name, tmp_path / name)
    both = tmp_path / "both.crt"
    both.write_bytes((pki.folder / "ca.crt").read_bytes() + (other.folder / "ca.crt").read_bytes())

    async def story(server: Server, clock: Clock) -> None:
        url = await server.start(pki.server_tls(both))
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
            "clusters": [{"name": "here", "cluster": {"server": url, "certificate-authority": "ca.crt"}}],
            "users": [{"name": "here", "user": {"client-certificate": "admin.crt", "client-key": "admin.key"}}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        connection = await from_kubeconfig(str(tmp_path / "config"), None, {})
        set_clock(connection, clock)
        api = KubeApi(connection)
        try:
            server.hold = asyncio.Event()
            under_way = asyncio.create_task(ask(api))
            while not server.serials:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            # Of a pair that is replaced, one half comes first.
            shutil.copy(other.folder / "admin.crt", tmp_path / "admin.crt")
            clock.seconds += LOOK_SECONDS
            assert await connection.present() is connection.snapshot()
            shutil.copy(other.folder / "admin.key", tmp_path / "admin.key")
            clock.seconds += LOOK_SECONDS
            later = asyncio.create_task(ask(api))
            while len(server.serials) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            server.hold.set()
            await asyncio.gather(under_way, later)
            assert len(set(server.serials)) == 2
        finally:
            await api.close()

    play(story)


def test_a_file_that_changes_is_read_again_before_anybody_refuses_what_it_said(
    tmp_path: Path, pkis: tuple[Pki, Pki]
) -> None:
    environ = {**account(tmp_path, pkis[0], "one"), "KUBERNETES_SERVICE_PORT": "443"}

    async def story(_: Server, clock: Clock) -> None:
        connection = in_cluster(environ, tmp_path)
        set_clock(connection, clock)
        (tmp_path / "token").write_text("second")
        clock.seconds += LOOK_SECONDS - 1
        assert (await connection.present()).authorization == "Bearer one"
        clock.seconds += 1
        assert (await connection.present()).authorization == "Bearer second"
        (tmp_path / "token").unlink()
        clock.seconds += LOOK_SECONDS
        assert (await connection.present()).authorization == "Bearer second"

    play(story)


def test_of_many_that_are_refused_at_once_one_reads_and_all_are_sent_again() -> None:
    async def story(server: Server, clock: Clock) -> None:
        url = await server.start()
        api = KubeApi(in_turn(clock, url, Credentials(authorization="Bearer new"), AssertionError()))
        server.good = "new"
        try:
            await asyncio.gather(*(ask(api) for _ in range(20)))
        finally:
            await api.close()

    assert sorted(play(story).tokens) == ["Bearer new"] * 20 + ["Bearer old"] * 20


def test_what_is_refused_all_the_same_is_reported_and_not_sent_again_and_again() -> None:
    async def story(server: Server, clock: Clock) -> None:
        url = await server.start()
        reread: list[float] = []

        async def read() -> ClientConfig:
            reread.append(clock())
            return ClientConfig(url, Credentials(authorization="Bearer old"))

        api = KubeApi(Connection(ClientConfig(url, Credentials(authorization="Bearer old")), reread=read, clock=clock))
        server.good = "new"
        try:
            for _ in range(50):
                with pytest.raises(Exception, match="Unauthorized"):
                    await ask(api)
                clock.seconds += REREAD_SECONDS / 10
            assert len(reread) == 5
        finally:
            await api.close()

    assert len(play(story).tokens) == 50


@pytest.mark.parametrize("trouble", [FileNotFoundError("hunter2"), ValueError("hunter2"), ssl.SSLError("hunter2")])
def test_what_cannot_be_read_again_is_reported_once_and_those_from_before_stay(
    trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(server: Server, clock: Clock) -> None:
        connection = in_turn(clock, await server.start(), trouble)
        for _ in range(3):
            assert not await connection.is_renewed(connection.snapshot())
            clock.seconds += REREAD_SECONDS
        assert connection.snapshot().authorization == "Bearer old"

    play(story)
    assert [one.getMessage() for one in caplog.records] == [
        f"The credentials for the API server could not be read again: {type(trouble).__name__}. Keeping the old ones."
    ]


def test_credentials_for_another_server_are_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    async def story(server: Server, clock: Clock) -> None:
        async def elsewhere() -> ClientConfig:
            return ClientConfig("https://elsewhere", Credentials(authorization="Bearer theirs"))

        connection = Connection(ClientConfig(await server.start()), reread=elsewhere, clock=clock)
        assert not await connection.is_renewed(connection.snapshot())

    play(story)
    assert "they are for https://elsewhere now: restart the operator" in caplog.text


def test_a_context_that_becomes_the_current_one_later_is_not_gone_to(tmp_path: Path) -> None:
    def write(current: str) -> None:
        config = {
            "current-context": current,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in ("here", "there")],
            "clusters": [{"name": name, "cluster": {"server": f"https://{name}"}} for name in ("here", "there")],
            "users": [{"name": name, "user": {"token": f"{name} {current}"}} for name in ("here", "there")],
        }
        (tmp_path / "config").write_text(json.dumps(config))

    async def story(_: Server, clock: Clock) -> None:
        write("here")
        connection = await from_kubeconfig(str(tmp_path / "config"), None, {})
        write("there")
        assert await connection.is_renewed(connection.snapshot())
        assert connection.server == "https://here"
        assert connection.snapshot().authorization == "Bearer here there"

    play(story)
