"""One POST to a cloud's token endpoint, and its answer. Knows no cloud.

Plain HTTP instead of the clouds' SDKs: an exchange is one form and one JSON object, which does not justify installing
and importing them. Requests and answers are never logged, and redirects are not followed: they would carry the token.

Importing urllib3 takes longer than opening a static environment, so it is imported by the first call, on the blocking
pool.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit

from esc_operator.providers.answers import json_object
from esc_operator.providers.clock_skew import SkewWatch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from esc_operator.providers.port import OpenContext

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
ATTEMPTS = 3
_PAUSE = 0.2
_LONGEST_ANSWER = 1 << 18
_MOST_POOLS = 8
_FAILED = (500, 502, 503, 504)


class Reply(NamedTuple):
    """A service's answer. `content` is its JSON object, or None if it sent anything else."""

    status: int
    headers: Mapping[str, str]
    content: Mapping[str, Any] | None

    def __repr__(self) -> str:
        return f"Reply(status={self.status})"


class Unreachable(NamedTuple):
    """There was no answer; `kind` is the library's word for why."""

    kind: str


class Post(NamedTuple):
    """A request: a form, or a JSON object if `is_json`. Only `fields` and `bearer` hold secrets."""

    url: str
    fields: Mapping[str, Any]
    is_json: bool = False
    bearer: str = ""

    def __repr__(self) -> str:
        return f"Post({self.url})"

    @property
    def host(self) -> str:
        return host_of(self.url)


class Poster(Protocol):
    """Sends a request and returns the answer, if any; blocking."""

    def send(self, post: Post, settings: Mapping[str, str]) -> Reply | Unreachable: ...


def host_of(url: str) -> str:
    """The host, with its port if given, for messages; a URL may hold a password."""
    return urlsplit(url).netloc.rpartition("@")[2] or "[unreadable]"


def is_https(url: str) -> bool:
    """Whether a token may be sent to this URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False


def proxy_for(host: str, settings: Mapping[str, str], scheme: str = "https") -> str | None:
    """The proxy for a host, by the settings of curl and others: NO_PROXY lists hosts, domains with their subdomains,
    networks (10.0.0.0/8), or `*`."""
    proxy = settings.get(f"{scheme.upper()}_PROXY") or settings.get(f"{scheme}_proxy")
    spared = settings.get("NO_PROXY") or settings.get("no_proxy") or ""
    names = [name.strip().lstrip(".") for name in spared.lower().split(",") if name.strip()]
    return None if any(_spares(name, host) for name in names) else proxy or None


def _spares(name: str, host: str) -> bool:
    if "/" in name:
        try:
            return ip_address(host) in ip_network(name, strict=False)
        except ValueError:
            return False
    return name == "*" or f".{host}".endswith(f".{name}")


class Asking:
    """Sends for a provider, off the event loop, and measures how far the services' clocks are from ours."""

    def __init__(self, poster: Poster | None = None) -> None:
        self._poster = poster or TokenEndpoints()
        self._skew = SkewWatch()

    @property
    def clock_skew(self) -> timedelta | None:
        """See `providers.port.Timed`."""
        return self._skew.last

    async def send(self, post: Post, context: OpenContext) -> Reply | Unreachable:
        """Send it. Nothing is raised in the pool's thread: a traceback must not contain a frame that holds a token."""
        asked_at = context.now()
        reply = await context.run_blocking(lambda: self._poster.send(post, context.settings))
        if isinstance(reply, Reply):
            self._skew.observe(post.host, reply.headers.get("date", ""), asked_at, context.now())
        return reply


class TokenEndpoints:
    """A Poster for a whole process: blocking, thread-safe. Timeouts are in seconds, for each attempt."""

    def __init__(
        self, *, attempts: int = ATTEMPTS, connect_timeout: float = CONNECT_TIMEOUT, read_timeout: float = READ_TIMEOUT
    ) -> None:
        self._attempts = attempts
        self._timeouts = (connect_timeout, read_timeout)
        self._lock = threading.Lock()
        self._pools: OrderedDict[tuple[str | None, str | None], Any] = OrderedDict()

    def send(self, post: Post, settings: Mapping[str, str]) -> Reply | Unreachable:
        """`settings` may name a proxy (HTTPS_PROXY, NO_PROXY) and certificates (SSL_CERT_FILE)."""
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json"}
        if post.bearer:
            headers["Authorization"] = f"Bearer {post.bearer}"
        headers["Content-Type"] = "application/json" if post.is_json else "application/x-www-form-urlencoded"
        body = json.dumps(post.fields) if post.is_json else urlencode(post.fields)
        try:
            answer = self._pool(post.url, settings).request(
                "POST", post.url, body=body.encode(), headers=headers, preload_content=False, retries=self._retries()
            )
            try:
                return _read(answer)
            finally:
                # Not kept open: the next exchange is minutes away, and the answer may be longer than what was read.
                answer.close()
        except (HTTPError, OSError, ValueError) as error:  # ValueError: certificates or a proxy that cannot be read
            reason = getattr(error, "reason", None)
            return Unreachable(type(reason if isinstance(reason, Exception) else error).__name__)

    def _retries(self) -> Any:
        from urllib3.util import Retry

        return Retry(
            total=self._attempts - 1,
            redirect=False,
            status_forcelist=_FAILED,
            # An exchange that is requested twice costs nothing.
            allowed_methods=None,
            backoff_factor=_PAUSE,
            respect_retry_after_header=False,
            raise_on_status=False,
        )

    def _pool(self, url: str, settings: Mapping[str, str]) -> Any:
        key = (proxy_for(urlsplit(url).hostname or "", settings), settings.get("SSL_CERT_FILE") or None)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make(*key)
                if len(self._pools) > _MOST_POOLS:
                    self._pools.popitem(last=False)
            self._pools.move_to_end(key)
            return self._pools[key]

    def _make(self, proxy: str | None, certificates: str | None) -> Any:
        import ssl

        import urllib3

        connect, read = self._timeouts
        options = {
            "timeout": urllib3.Timeout(connect=connect, read=read),
            "ssl_context": ssl.create_default_context(cafile=certificates),
        }
        return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _read(answer: Any) -> Reply:
    headers = {str(name).lower(): str(text) for name, text in answer.headers.items()}
    body = answer.read(_LONGEST_ANSWER + 1, decode_content=True)
    if len(body) > _LONGEST_ANSWER:
        return Reply(answer.status, headers, None)
    return Reply(answer.status, headers, json_object(body))
