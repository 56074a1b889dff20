"""A minimal client of the API server: what the same writes cost without an operator around them."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class BareClient:
    """An administrator's connection, with so many connections at most."""

    def __init__(self, kubeconfig: Path, connections: int) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._server = cluster["server"]
        self._context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        with tempfile.NamedTemporaryFile() as both:
            for name in ("client-certificate-data", "client-key-data"):
                both.write(base64.b64decode(user[name]))
            both.flush()
            self._context.load_cert_chain(both.name)
        self._connections = connections

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._context)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        data = json.dumps(body).encode() if body is not None else b""
        parsed: dict[str, Any] = json.loads(await self.send_encoded(method, path, data, content_type))
        return parsed

    async def send_encoded(
        self, method: str, path: str, data: bytes = b"", content_type: str = "application/json"
    ) -> bytes:
        """The answer as it came. Raises RuntimeError where that is a refusal."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        async with self._session.request(method, self._server + path, data=data or None, headers=headers) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
            return content

    async def text(self, path: str) -> str:
        """What is no JSON, such as metrics."""
        async with self._session.get(self._server + path) as answer:
            return await answer.text()

    async def time_form(self, url: str, form: Mapping[str, str]) -> float:
        """The seconds of sending a form to somebody else than the API server."""
        began = time.perf_counter()
        async with self._session.post(url, data=form) as answer:
            await answer.read()
        return time.perf_counter() - began

    async def watch(self, path: str) -> AsyncIterator[bytes]:
        """The raw lines of a watch, from what there is now on, for as long as somebody listens and it lasts; none where
        it is refused."""
        limits = aiohttp.ClientTimeout(total=None)
        async with self._session.get(f"{self._server}{path}?watch=true", timeout=limits) as answer:
            while answer.status < 300 and (line := await answer.content.readline()):
                yield line


async def for_each(items: Iterable[Any], at_once: int, work: Callable[[Any], Awaitable[object]]) -> float:
    """Do the work for each item, so many at once; the seconds that it took."""
    waiting = iter(list(items))

    async def worker() -> None:
        for item in waiting:
            await work(item)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    return time.perf_counter() - began


def figure(name: str, value: float, unit: str, **more: Mapping[str, Any] | float | str) -> None:
    """Print one figure, as every benchmark does."""
    print(json.dumps({"figure": name, "value": round(value, 2), "unit": unit, **more}), flush=True)
