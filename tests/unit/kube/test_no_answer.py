"""Why there is no connection: told apart, with the address, the same by both transports, in no library's words."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import pytest
import urllib3

from esc_operator.errors import KubeError, UnavailableError
from esc_operator.kube import blocking, no_answer, sender
from esc_operator.kube.api import KubeApi
from esc_operator.kube.client_config import ClientConfig
from esc_operator.kube.connect import from_kubeconfig
from esc_operator.kube.exec_plugin import NO_TERMINAL
from esc_operator.kube.no_answer import PATIENCE, Failure, Patience, error_from_failure
from esc_operator.kube.paths import NAMESPACES
from esc_operator.kube.session import open_session
from unit.kube.strangers import (
    Reply,
    be_silent,
    close,
    make_certificate,
    refuse_login,
    refuse_to_connect,
    reset,
    speak_ssh,
    strangers,
    want_login,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from unit.kube.strangers import Strangers

HIDDEN = "hunter2"
HTML = "text/html; charset=utf-8"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Strangers]:
    with strangers(tmp_path) as all_of_them:
        yield all_of_them


@pytest.fixture(autouse=True)
def _no_transports_of_a_handshake() -> Iterator[None]:
    """Python 3.11's event loop leaves a transport open whose TLS handshake was given up."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Ask(Protocol):
    """Asks an API server for its namespaces, by one of the transports."""

    def __call__(self, kubeconfig: str, patience: Patience = PATIENCE) -> None: ...


def ask_synchronously(kubeconfig: str, patience: Patience = PATIENCE) -> None:
    open_session("", {"KUBECONFIG": kubeconfig}, NO_TERMINAL, patience=patience).list_namespaces()


def ask_asynchronously(kubeconfig: str, patience: Patience = PATIENCE) -> None:
    async def run() -> None:
        api = KubeApi(await from_kubeconfig(kubeconfig, None, {}), patience=patience)
        try:
            await api.require_list(NAMESPACES, None)
        finally:
            await api.close()
            await asyncio.sleep(0.2)  # TLS connections end some turns of the loop later

    asyncio.run(run())


@pytest.fixture(params=[ask_synchronously, ask_asynchronously], ids=["synchronous", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asking: Ask = request.param
    return asking


def write_kubeconfig(folder: Path, server: str, **cluster: Any) -> str:
    whole = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server, "certificate-authority": "ca.crt", **cluster}}],
        "users": [{"name": "me", "user": {"token": HIDDEN}}],
    }
    (folder / "config").write_text(json.dumps(whole))
    return str(folder / "config")


def local(port: int, scheme: str = "https") -> str:
    return f"{scheme}://127.0.0.1:{port}"


ELSEWHERE = "https://10.1.2.3:6443"
THROUGH = {"server": ELSEWHERE}

# Each: what is there, as parts of a cluster's entry; the sentence, where {server} and {proxy} are the addresses.
NO_CONNECTION: dict[str, tuple[Callable[[Strangers], dict[str, Any]], str]] = {
    "nothing listens": (
        lambda _: {"server": local(9)},
        (
            "the API server at {server} refuses connections, since nothing listens there (ConnectionRefused): "
            "look whether it runs, and at the address and the port"
        ),
    ),
    "no such host": (
        lambda _: {"server": "https://nothing.invalid:6443"},
        (
            "the API server at {server} cannot be found, since its host has no address (NoSuchHost): look at "
            "the name, and at the VPN if it is a private one"
        ),
    ),
    "another authority": (
        lambda there: {"server": local(there.https()), "certificate-authority": "namesake.crt"},
        (
            "the API server at {server} is not trusted, since its certificate is signed by an authority that "
            "is not known here (UnknownAuthority): look at the CA bundle that is used, which is read again "
            "when it changes"
        ),
    ),
    "a certificate of its own": (
        lambda there: {"server": local(there.https(certificate=make_certificate(None)))},
        "(UnknownAuthority)",
    ),
    "the system's authorities": (
        lambda there: {"server": local(there.https()), "certificate-authority": None},
        "(UnknownAuthority)",
    ),
    "a certificate for another address": (
        lambda there: {"server": local(there.https(certificate=make_certificate(there.authority, address="10.1.2.3")))},
        (
            "the API server at {server} is not trusted, since its certificate is for other names "
            "(WrongServerName): use an address that the certificate names, or tls-server-name in the kubeconfig"
        ),
    ),
    "a certificate for another name": (
        lambda there: {"server": local(there.https()), "tls-server-name": "kubernetes"},
        "(WrongServerName)",
    ),
    "a certificate that has expired": (
        lambda there: {"server": local(there.https(certificate=make_certificate(there.authority, begins=-3, ends=-1)))},
        (
            "the API server at {server} is not trusted, since its certificate has expired "
            "(CertificateExpired): renew the certificate, or set this machine's clock"
        ),
    ),
    "a certificate that begins tomorrow": (
        lambda there: {"server": local(there.https(certificate=make_certificate(there.authority, begins=1, ends=2)))},
        "(CertificateNotYetValid)",
    ),
    "plain HTTP": (
        lambda there: {"server": local(there.http())},
        (
            "the API server at {server} does not speak TLS (NotTLS): look at the port, and whether the address "
            "should begin with http://"
        ),
    ),
    "something else than HTTP": (lambda there: {"server": local(there.tcp(speak_ssh))}, "(NotTLS)"),
    "a reset": (
        lambda there: {"server": local(there.tcp(reset))},
        "the API server at {server} closed the connection before a whole answer came (ConnectionClosed): try again",
    ),
    "an end without an answer": (lambda there: {"server": local(there.tcp(close), "http")}, "(ConnectionClosed)"),
    "no route": (
        lambda _: {"server": "https://255.255.255.255"},
        "the API server at {server} cannot be reached, since the network does not lead there (NoRoute): look at the",
    ),
    "a proxy where nothing listens": (
        lambda _: {**THROUGH, "proxy-url": f"http://me:{HIDDEN}@127.0.0.1:9"},
        "the proxy http://127.0.0.1:9 refuses connections, since nothing listens there (ProxyConnectionRefused): look",
    ),
    "a proxy that is not to be found": (
        lambda _: {**THROUGH, "proxy-url": "http://nothing.invalid:3128"},
        "the proxy {proxy} cannot be found, since its host has no address (ProxyNoSuchHost): look",
    ),
    "a proxy that wants a login": (
        lambda there: {**THROUGH, "proxy-url": local(there.http(Reply(407)), "http")},
        "the proxy {proxy} wants a login (ProxyLoginRequired): put the user and the password into its URL",
    ),
    "a proxy that wants a login for plain HTTP": (
        lambda there: {"server": "http://10.1.2.3", "proxy-url": local(there.http(Reply(407)), "http")},
        "the proxy {proxy} wants a login (ProxyLoginRequired)",
    ),
    "a proxy that does not connect": (
        lambda there: {**THROUGH, "proxy-url": local(there.http(Reply(502)), "http")},
        (
            "the proxy {proxy} does not connect to the API server: it answered 502 (ProxyRefused): look at the "
            "proxy, or leave it out for this address with NO_PROXY"
        ),
    ),
    "a proxy without TLS": (
        lambda there: {**THROUGH, "proxy-url": local(there.http(), "https")},
        "the proxy {proxy} does not speak TLS (ProxyNotTLS)",
    ),
    "a SOCKS proxy where nothing listens": (
        lambda _: {**THROUGH, "proxy-url": "socks5://127.0.0.1:9"},
        "the proxy {proxy} refuses connections, since nothing listens there (ProxyConnectionRefused)",
    ),
    "a SOCKS proxy that is not to be found": (
        lambda _: {**THROUGH, "proxy-url": "socks5://nothing.invalid"},
        "(ProxyNoSuchHost)",
    ),
    "a SOCKS proxy that wants a login": (
        lambda there: {**THROUGH, "proxy-url": local(there.tcp(want_login), "socks5")},
        "the proxy {proxy} wants a login (ProxyLoginRequired)",
    ),
    "a SOCKS proxy that knows another password": (
        lambda there: {**THROUGH, "proxy-url": f"socks5://me:{HIDDEN}@127.0.0.1:{there.tcp(refuse_login)}"},
        "wants a login (ProxyLoginRequired)",
    ),
    "a SOCKS proxy that may not connect": (
        lambda there: {**THROUGH, "proxy-url": local(there.tcp(refuse_to_connect), "socks5")},
        "the proxy {proxy} does not connect to the API server: it answered that its rules do not allow it (Proxy",
    ),
    "a SOCKS proxy that is none": (
        lambda there: {**THROUGH, "proxy-url": local(there.tcp(speak_ssh), "socks5")},
        "the proxy {proxy} does not connect to the API server: it answered that it failed (ProxyRefused)",
    ),
    "a page for a browser": (
        lambda there: {"server": local(there.https(Reply(content_type=HTML, body=b"<html>Sign in</html>")))},
        (
            "what answers at {server} is no Kubernetes API server (NotKubernetes): look at the address, and at "
            "what stands before it, such as a login page or a load balancer"
        ),
    ),
    **{
        f"a page for a browser with {status}": (
            lambda there, status=status: {  # type: ignore[misc]
                "server": local(there.https(Reply(status, HTML, b"<html>Sign in</html>")))
            },
            f"what answers at {{server}} with the status {status} is no Kubernetes API server (NotKubernetes)",
        )
        for status in (401, 403, 404, 500, 502)
    },
    "the way to a login": (
        lambda there: {"server": local(there.https(Reply(302, body=b"", location="https://login.invalid")))},
        "what answers at {server} with the status 302 is no Kubernetes API server (NotKubernetes)",
    ),
    "JSON of something else": (
        lambda there: {"server": local(there.https(Reply(body=b'{"hello": 1}')))},
        "(NotKubernetes)",
    ),
    "a list of something else": (lambda there: {"server": local(there.https(Reply(body=b"[1]")))}, "(NotKubernetes)"),
    "nothing at all": (lambda there: {"server": local(there.https(Reply(body=b"")))}, "(NotKubernetes)"),
    "a server that speaks TLS alone": (
        lambda there: {
            "server": local(
                there.http(Reply(400, "text/plain", b"Client sent an HTTP request to an HTTPS server.\n")), "http"
            )
        },
        "the API server at {server} speaks TLS alone (NeedsTLS): begin its address with https://",
    ),
}


@pytest.mark.parametrize("what", NO_CONNECTION)
def test_each_is_told_apart_with_the_address_and_in_no_librarys_words(
    there: Strangers, ask: Ask, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    cluster, expected = NO_CONNECTION[what][0](there), NO_CONNECTION[what][1]
    with pytest.raises(UnavailableError) as refusal:
        ask(write_kubeconfig(there.folder, **cluster))
    told = refusal.value.message
    assert told.startswith("could not list namespaces: ")
    assert expected.format(server=cluster["server"], proxy=cluster.get("proxy-url")) in told
    assert (cluster["server"] in told) or "the proxy " in told
    assert HIDDEN not in told
    assert not re.search(r"Error\b|Exception|urllib3|aiohttp|ssl\.|Errno", told)


def test_a_server_that_wants_a_client_certificate_says_so_unless_it_is_gone_before_it_is_heard(
    there: Strangers, ask: Ask
) -> None:
    """In TLS 1.3 it says so after the handshake, and ends the connection; who writes meanwhile may miss it."""
    words = re.escape("wants a client certificate (ClientCertificateRefused): look at the user's certificate")
    with pytest.raises(UnavailableError, match=f"{words}|ConnectionClosed"):
        ask(write_kubeconfig(there.folder, local(there.https(wants_client=True))))


def test_a_server_that_is_one_is_asked(there: Strangers, ask: Ask) -> None:
    ask(write_kubeconfig(there.folder, local(there.https())))


@pytest.mark.parametrize("where", ["full", "silent", "silent proxy", "silent SOCKS proxy", "slow"])
def test_what_does_not_answer_is_given_up_in_time(there: Strangers, ask: Ask, where: str) -> None:
    clusters = {
        "full": lambda: {"server": local(there.full())},
        "silent": lambda: {"server": local(there.tcp(be_silent))},
        "silent proxy": lambda: {**THROUGH, "proxy-url": local(there.tcp(be_silent), "http")},
        "silent SOCKS proxy": lambda: {**THROUGH, "proxy-url": local(there.tcp(be_silent), "socks5")},
        "slow": lambda: {"server": local(there.https(Reply(seconds=3)))},
    }
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"does not answer in time \((Proxy)?TimedOut\): look at the address"):
        ask(write_kubeconfig(there.folder, **clusters[where]()), Patience(connect=0.4, answer=0.5))
    assert time.monotonic() - began < 3


def test_a_whole_command_says_within_ten_seconds_that_nobody_answers(there: Strangers) -> None:
    """The one test that takes as long as a person waits: where a name server, a host and a server are silent."""
    script = "from esc_operator.cli import main; raise SystemExit(main())"
    began = time.monotonic()
    started = []
    for name, port in (
        ("full", there.full()),
        ("silent", there.tcp(be_silent)),
        ("slow", there.https(Reply(seconds=20))),
    ):
        folder = there.folder / name
        folder.mkdir()
        (folder / "ca.crt").write_bytes((there.folder / "ca.crt").read_bytes())
        settings = {**os.environ, "KUBECONFIG": write_kubeconfig(folder, local(port)), "ESC_HOME": str(folder)}
        command = [sys.executable, "-c", script, "open", "here/apps/aws"]
        started.append(
            subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    for one in started:
        out, err = one.communicate(timeout=60)
        assert (one.returncode, out) == (1, "")
        assert "does not answer in time (TimedOut)" in err
    assert time.monotonic() - began < 10 + 10 * (os.getloadavg()[0] > 4)  # a busy machine starts programs late


def reasoned(error: ssl.SSLError, reason: str) -> ssl.SSLError:
    error.reason = reason
    return error


CONFIG = ClientConfig("https://api.example")
BEHIND_PROXY = ClientConfig("https://api.example", proxy=f"http://me:{HIDDEN}@proxy.example:3128")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (socket.gaierror(socket.EAI_AGAIN, HIDDEN), "NameServerFailed"),
        (OSError(HIDDEN), "ConnectionClosed"),
        (ValueError(HIDDEN), "ConnectionClosed"),
        (PermissionError(1, HIDDEN), "ConnectionFailed"),
        (ssl.SSLError(1, HIDDEN), "ConnectionClosed"),
        (reasoned(ssl.SSLError(1, HIDDEN), "NO_SHARED_CIPHER"), "TLSFailed"),
        (ssl.SSLCertVerificationError(1, HIDDEN), "CertificateInvalid"),
        (ssl.SSLEOFError(8, HIDDEN), "ConnectionClosed"),
        (aiohttp.ServerDisconnectedError(HIDDEN), "ConnectionClosed"),
        (aiohttp.ClientPayloadError(HIDDEN), "ConnectionClosed"),
        (asyncio.IncompleteReadError(HIDDEN.encode(), 9), "ConnectionClosed"),
        (urllib3.exceptions.ProtocolError(HIDDEN, ConnectionResetError(104, HIDDEN)), "ConnectionClosed"),
        (urllib3.exceptions.HTTPError(HIDDEN), "ConnectionClosed"),
        (TimeoutError(HIDDEN), "TimedOut"),
    ],
)
def test_no_text_of_an_error_is_shown(error: BaseException, word: str) -> None:
    for config in (CONFIG, BEHIND_PROXY):
        for failure in (Failure(error), Failure(error, at_proxy=bool(config.proxy))):
            told = error_from_failure(failure, "read secrets apps/aws", config).message
            assert told.startswith("could not read secrets apps/aws: the ")
            assert re.search(rf"\((Proxy)?{word}\): ", told)
            assert HIDDEN not in told
            assert "proxy.example:3128" in told or not config.proxy


def test_a_proxy_on_the_way_is_named_where_it_may_be_the_cause() -> None:
    told = error_from_failure(Failure(TimeoutError()), "read it", BEHIND_PROXY).message
    assert "the API server at https://api.example, through the proxy http://proxy.example:3128, does not answer" in told


def test_each_transport_takes_its_own_errors_apart() -> None:
    tunnel = OSError("Tunnel connection failed: 407 Proxy Authentication Required")
    refused = urllib3.exceptions.ProxyError("Unable to connect to proxy", tunnel)
    assert blocking.failure_of(refused) == Failure(refused, at_proxy=True, proxy_answer="407")
    plain = urllib3.exceptions.HTTPError()
    assert blocking.failure_of(plain) == Failure(plain)
    other = TimeoutError()
    assert sender.failure_of(other, CONFIG) == Failure(other)


def test_a_call_that_takes_too_long_is_left_to_itself() -> None:
    with pytest.raises(TimeoutError):
        blocking.within(0.05, lambda: time.sleep(0.3))
    with pytest.raises(KubeError):
        blocking.within(5, lambda: (_ for _ in ()).throw(KubeError("x")))
    assert blocking.within(5, lambda: 7) == 7


def test_every_word_is_of_one_kind_alone() -> None:
    words = [value for name, value in vars(no_answer).items() if name.isupper() and isinstance(value, str)]
    words = [word for word in words if word.isalpha()]
    assert len(words) == len(set(words)) >= 18
