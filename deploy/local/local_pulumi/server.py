"""HTTPS on loopback, on a thread with an event loop of its own: requests in, answers and misbehaviour out.

Connections are kept, and a request that waits costs no thread: the delay of a thousand environments is theirs alone.
"""

import asyncio
import json
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiohttp import web

from local_https import Answer, ServerCertificate
from local_pulumi import routes
from local_pulumi.administration import PREFIX, answer_administration
from local_pulumi.cloud import Cloud, Recorded
from local_pulumi.routes import Answered, Asked, normal_path
from local_pulumi.settings import Fault

T = TypeVar("T")

_MOST_BYTES = 8 * 1024 * 1024
_WORKERS = 8
_CHUNK = b" " * 65536


class Server:
    """`port` 0 is a free one."""

    def __init__(self, cloud: Cloud, certificate: ServerCertificate, port: int = 0) -> None:
        self._cloud = cloud
        self._certificate = certificate
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="local-pulumi")
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.ServerRunner | None = None
        self._transports: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()

    def start(self) -> str:
        """The URL that it answers at."""
        self._certificate.issue()
        # Nobody resumes a session of TLS here; to make tickets takes a tenth of a connection's time.
        self._certificate.context.num_tickets = 0
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return f"https://127.0.0.1:{port}"

    def stop(self) -> None:
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._close(self._runner), self._loop).result()
            self._runner = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._pool.shutdown()

    async def _listen(self) -> int:
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._certificate.context)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _close(self, runner: web.ServerRunner) -> None:
        await runner.cleanup()
        # A client that keeps its connection would not answer the end of TLS.
        for transport in list(self._transports):
            transport.abort()
        # An answer that is delayed is not waited for.
        delayed = asyncio.all_tasks() - {asyncio.current_task()}
        for task in delayed:
            task.cancel()
        await asyncio.gather(*delayed, return_exceptions=True)
        await asyncio.sleep(0.01)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.transport, asyncio.WriteTransport):
            self._transports.add(request.transport)
        body = b""
        async for part in request.content.iter_any():
            body += part
            if len(body) > _MOST_BYTES:
                return web.json_response({"code": 413, "message": "Request Entity Too Large"}, status=413)
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, normal_path(path), query, headers, body)
        if asked.path.startswith(PREFIX):
            return _response(await self._in_pool(lambda: answer_administration(self._cloud, asked)), request.method)
        return await self._answer(request, asked)

    async def _answer(self, request: web.BaseRequest, asked: Asked) -> web.StreamResponse:
        fault = self._cloud.faults.take(asked.method, asked.path)
        delay = self._cloud.settings.delay + (fault.delay if fault else 0.0)
        if delay:
            await asyncio.sleep(delay)
        if fault is not None and fault.answers:
            answered = Answered(_asked_to_fail(fault), "", None, "")
        elif routes.may_wait(asked):
            answered = await self._in_pool(lambda: routes.answer(self._cloud, asked))
        else:
            answered = routes.answer(self._cloud, asked)
        self._record(asked, answered)
        if fault is not None and fault.size:
            return await _send_large(request, fault.size)
        if fault is not None and (fault.cut_off or fault.trickle):
            return await _send_badly(request, answered.answer, fault)
        return _response(answered.answer, request.method)

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._pool, work)

    def _record(self, asked: Asked, answered: Answered) -> None:
        kind = answered.token.kind if answered.token else ""
        self._cloud.recorded.append(
            Recorded(
                time.time(),
                asked.method,
                asked.path,
                answered.operation,
                kind,
                answered.organization,
                answered.answer.status,
            )
        )


def _asked_to_fail(fault: Fault) -> Answer:
    headers = {}
    if fault.retry_after:
        headers["Retry-After"] = fault.retry_after
    if fault.location:
        headers["Location"] = fault.location
    status = fault.status or 200
    if fault.body is not None:
        return Answer(fault.body, status, headers | {"Content-Type": fault.content_type})
    return Answer({"code": status, "message": fault.message}, status, headers)


def _bytes(answer: Answer) -> bytes:
    content = answer.content
    if content is None:
        return b""
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def _headers(answer: Answer) -> dict[str, str]:
    usual = {"Content-Type": "application/json"} if answer.content is not None else {}
    return {**usual, **answer.headers, "X-Pulumi-Request-ID": str(uuid.uuid4())}


def _response(answer: Answer, method: str) -> web.Response:
    body = b"" if method == "HEAD" else _bytes(answer)
    return web.Response(body=body, status=answer.status, headers=_headers(answer))


async def _send_large(request: web.BaseRequest, size: int) -> web.StreamResponse:
    """A JSON string of that size; whoever has read enough may leave."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(size)})
    await response.prepare(request)
    left = size - 2
    await response.write(b'"')
    while left > 0:
        await response.write(_CHUNK[:left])
        left -= min(left, len(_CHUNK))
    await response.write(b'"')
    return response


async def _send_badly(request: web.BaseRequest, answer: Answer, fault: Fault) -> web.StreamResponse:
    """Byte by byte, or only the first half."""
    body = _bytes(answer)
    response = web.StreamResponse(status=answer.status, headers=_headers(answer) | {"Content-Length": str(len(body))})
    await response.prepare(request)
    if fault.cut_off:
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response
    for index in range(len(body)):
        await response.write(body[index : index + 1])
        await asyncio.sleep(fault.trickle)
    return response
