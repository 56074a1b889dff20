"""Why a request got no answer from an API server: in words for people, with the address, and a word for each kind.

Both transports take their own library's errors apart into a `Failure`, which holds Python's errors alone. No text of
theirs is shown: only what is recognized, with the addresses of a `ClientConfig` without users and passwords.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from esc_operator.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from esc_operator.kube.client_config import ClientConfig


class Patience(NamedTuple):
    """How long an API server is waited for, in seconds.

    `connect` is for a connection, TLS included: a person waits for it, and what is not there within it is not there.
    `answer` is for the answer that says whether there is an API server at all; with the start of a command less than
    ten.
    """

    connect: float = 5.0
    answer: float = 7.0


PATIENCE: Final = Patience()

CONNECTION_REFUSED = "ConnectionRefused"
"""Nothing listens at the address."""
NO_SUCH_HOST = "NoSuchHost"
"""The host has no address."""
NAME_SERVER_FAILED = "NameServerFailed"
"""No name server said whether the host has an address."""
NO_ROUTE = "NoRoute"
"""The network does not lead to the address."""
TIMED_OUT = "TimedOut"
"""Nothing came in time: neither a connection nor a refusal, or no answer."""
CONNECTION_CLOSED = "ConnectionClosed"
"""The connection ended before the answer did."""
UNKNOWN_AUTHORITY = "UnknownAuthority"
"""The server's certificate is signed by an authority that is not trusted."""
WRONG_SERVER_NAME = "WrongServerName"
"""The server's certificate is for other names."""
CERTIFICATE_EXPIRED = "CertificateExpired"
"""The server's certificate has expired."""
CERTIFICATE_NOT_YET_VALID = "CertificateNotYetValid"
"""The server's certificate begins later."""
CERTIFICATE_INVALID = "CertificateInvalid"
"""The server's certificate does not hold, for another reason."""
CLIENT_CERTIFICATE_REFUSED = "ClientCertificateRefused"
"""The server wants a client certificate, or another one."""
NOT_TLS = "NotTLS"
"""What listens at the address does not speak TLS."""
NEEDS_TLS = "NeedsTLS"
"""The address begins with http://, and a server that speaks TLS alone is there."""
TLS_FAILED = "TLSFailed"
"""The TLS handshake failed, for another reason."""
LOGIN: Final = "407"
PROXY_LOGIN_REQUIRED = "ProxyLoginRequired"
"""The proxy answered 407."""
PROXY_REFUSED = "ProxyRefused"
"""The proxy does not connect to the API server."""
NOT_KUBERNETES = "NotKubernetes"
"""What answered is no API server: a login page, a load balancer, another service."""
FAILED = "ConnectionFailed"
"""Any other error of the system."""

# OpenSSL's numbers (x509_vfy.h), which are part of its interface.
_EXPIRED, _NOT_YET_VALID = 10, 9
# 7: the authority's namesake; those that clusters make for themselves are all called kubernetes.
_UNKNOWN_AUTHORITY = frozenset({2, 7, 18, 19, 20, 21, 27})
_OTHER_NAMES = frozenset({62, 63, 64})

_BUNDLE = "look at the CA bundle that is used, which is read again when it changes"


class Failure(NamedTuple):
    """`error` is what the transport raised. `at_proxy`: it concerns the proxy. `proxy_answer`: its status or words,
    "" if it said nothing."""

    error: BaseException
    at_proxy: bool = False
    proxy_answer: str = ""


class ProxyRefusal(OSError):  # noqa: N818 - a proxy's word for no
    """A SOCKS proxy does not connect; `answer` as for HTTP proxies, where `LOGIN` stands for a login that it wants."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


class Explanation(NamedTuple):
    """What is wrong with the place that is named before it, a word for it, and what to do."""

    text: str
    word: str
    advice: str


CERTIFICATES: Final = frozenset(
    {UNKNOWN_AUTHORITY, WRONG_SERVER_NAME, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_INVALID}
)
"""The words for a server's certificate that does not hold."""


def explain(error: BaseException) -> Explanation:
    """Why there was no answer from any server: in words of our own, without those of a library."""
    return _explain(list(_causes(error))[::-1])


def error_from_failure(failure: Failure, what: str, config: ClientConfig) -> UnavailableError:
    """The error for a request that got no answer. `what` says what was tried, such as `read secrets apps/aws`."""
    text, word, advice = _explain_proxy(failure) or explain(failure.error)
    place = _proxy(config) if failure.at_proxy else _server(config)
    word = word if not failure.at_proxy or word.startswith("Proxy") else f"Proxy{word}"
    return UnavailableError(f"could not {what}: {place} {text} ({word}): {advice}")


def error_from_stranger(what: str, config: ClientConfig, status: int = 200) -> UnavailableError:
    """The error for an answer that no API server gives."""
    code = f"with the status {status} " if status != 200 else ""
    return UnavailableError(
        f"could not {what}: what answers at {config.server} {code}is no Kubernetes API server ({NOT_KUBERNETES}): look "
        "at the address, and at what stands before it, such as a login page or a load balancer"
    )


def error_from_strange_answer(
    status: int, content_type: str, body: bytes, what: str, config: ClientConfig
) -> UnavailableError | None:
    """The error for an answer that is not 2xx, if an API server would not give it: a page for a browser, the way to
    another place, or what a proxy says itself. None if it is an API server's."""
    if str(status) == LOGIN and config.proxy:
        return error_from_failure(Failure(OSError(), at_proxy=True, proxy_answer=LOGIN), what, config)
    if body.startswith(b"Client sent an HTTP request to an HTTPS server"):
        return UnavailableError(
            f"could not {what}: {_server(config)} speaks TLS alone ({NEEDS_TLS}): begin its address with https://"
        )
    if 300 <= status < 400 or "html" in content_type.lower() or body[:64].lstrip()[:1] == b"<":
        return error_from_stranger(what, config, status)
    return None


def _server(config: ClientConfig) -> str:
    through = f", through {_proxy(config)}," if config.proxy else ""
    return f"the API server at {config.server}{through}"


def _proxy(config: ClientConfig) -> str:
    parts = urlsplit(config.proxy or "")
    return f"the proxy {parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _explain_proxy(failure: Failure) -> Explanation | None:
    if failure.proxy_answer == LOGIN:
        advice = "put the user and the password into its URL, as in http://USER:PASSWORD@HOST"
        return Explanation("wants a login", PROXY_LOGIN_REQUIRED, advice)
    if failure.proxy_answer:
        text = f"does not connect to the API server: it answered {failure.proxy_answer}"
        return Explanation(text, PROXY_REFUSED, "look at the proxy, or leave it out for this address with NO_PROXY")
    return None


def _explain(causes: list[BaseException]) -> Explanation:
    """The most telling of an error and what is behind it, which comes first: libraries have kinds of their own around
    Python's, which know less."""
    for kind, explain in _KINDS:
        for cause in causes:
            if isinstance(cause, kind):
                return explain(cause)
    if number := next((cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno), None):
        if number in _NO_ROUTE:
            text = "cannot be reached, since the network does not lead there"
            return Explanation(text, NO_ROUTE, "look at the network and at the VPN")
        return Explanation(f"cannot be reached: {os.strerror(number)}", FAILED, "look at the network and the address")
    return _explain_closed(causes[0])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that libraries have put behind it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            behind = (getattr(one, "reason", None), getattr(one, "certificate_error", None), *one.args)
            behind = (*behind, one.__cause__, one.__context__)
            waiting += [each for each in behind if isinstance(each, BaseException)]


def _explain_certificate(error: BaseException) -> Explanation:
    code = getattr(error, "verify_code", 0)
    if code in _UNKNOWN_AUTHORITY:
        text = "is not trusted, since its certificate is signed by an authority that is not known here"
        return Explanation(text, UNKNOWN_AUTHORITY, _BUNDLE)
    if code in _OTHER_NAMES:
        text = "is not trusted, since its certificate is for other names"
        advice = "use an address that the certificate names, or tls-server-name in the kubeconfig"
        return Explanation(text, WRONG_SERVER_NAME, advice)
    if code == _EXPIRED:
        text = "is not trusted, since its certificate has expired"
        return Explanation(text, CERTIFICATE_EXPIRED, "renew the certificate, or set this machine's clock")
    if code == _NOT_YET_VALID:
        text = "is not trusted, since its certificate is not yet valid"
        return Explanation(text, CERTIFICATE_NOT_YET_VALID, "set this machine's clock, or issue the certificate again")
    text = f"is not trusted: {getattr(error, 'verify_message', '') or 'its certificate does not hold'}"
    return Explanation(text, CERTIFICATE_INVALID, _BUNDLE)


def _explain_tls(error: BaseException) -> Explanation:
    reason = str(getattr(error, "reason", None) or "")
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}:
        advice = "look at the port, and whether the address should begin with http://"
        return Explanation("does not speak TLS", NOT_TLS, advice)
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        text = "wants a client certificate" if "REQUIRED" in reason else "does not accept the client certificate"
        return Explanation(text, CLIENT_CERTIFICATE_REFUSED, "look at the user's certificate, and log in again")
    if not reason:  # it was cut off
        return _explain_closed(error)
    words = reason.lower().replace("_", " ")
    return Explanation(f"broke off the TLS handshake: {words}", TLS_FAILED, "look at its TLS settings and at the port")


def _explain_name(error: BaseException) -> Explanation:
    if getattr(error, "errno", None) == socket.EAI_AGAIN:
        text = "cannot be found, since no name server answers"
        return Explanation(text, NAME_SERVER_FAILED, "look at the network and at the VPN")
    text = "cannot be found, since its host has no address"
    return Explanation(text, NO_SUCH_HOST, "look at the name, and at the VPN if it is a private one")


def _explain_refused(_: BaseException) -> Explanation:
    text = "refuses connections, since nothing listens there"
    return Explanation(text, CONNECTION_REFUSED, "look whether it runs, and at the address and the port")


def _explain_timeout(_: BaseException) -> Explanation:
    text = "does not answer in time"
    return Explanation(text, TIMED_OUT, "look at the address, and at firewalls and the VPN on the way to it")


def _explain_closed(_: BaseException) -> Explanation:
    text = "closed the connection before a whole answer came"
    advice = "try again; if it stays so, look whether the address is that of another service, or begins with http://"
    return Explanation(text, CONNECTION_CLOSED, advice)


_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}

# In this order: a certificate's error is one of TLS too, and a connection that TLS ended is one that was closed.
_KINDS: Final[tuple[tuple[type[BaseException], Callable[[BaseException], Explanation]], ...]] = (
    (ssl.SSLCertVerificationError, _explain_certificate),
    (socket.gaierror, _explain_name),
    (ssl.SSLEOFError, _explain_closed),
    (ssl.SSLError, _explain_tls),
    (TimeoutError, _explain_timeout),
    (ConnectionRefusedError, _explain_refused),
    (ConnectionError, _explain_closed),
)
