"""The HTTP session that kopf's watches use: kopf's own, but for telling when each watch was tried and answered, and for
its patience with a namespace that may not be watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import kopf

from esc_operator.handlers.forbidden import Refusals
from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from types import SimpleNamespace

    from esc_operator.kube.pulses import Pulse, Pulses

_ROOT = f"/apis/{GROUP}/{VERSION}/"


def open_session(info: kopf.ConnectionInfo, pulses: Pulses) -> kopf.AiohttpSession:
    """kopf closes it, and asks for another one where the API server refuses its credentials."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=info.trust_env,
        trace_configs=[_watched(pulses)],
        middlewares=(Refusals(),),
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)


def _watched(pulses: Pulses) -> aiohttp.TraceConfig:
    """kopf hands out neither bookmarks nor failures, but each watch is opened again every few minutes: when it was
    silent for a minute, when its time is over, when it has failed."""
    tracing = aiohttp.TraceConfig()

    async def on_start(_: aiohttp.ClientSession, __: SimpleNamespace, started: aiohttp.TraceRequestStartParams) -> None:
        if pulse := _pulse(pulses, started.url.path):
            pulse.tried()

    async def on_end(_: aiohttp.ClientSession, __: SimpleNamespace, ended: aiohttp.TraceRequestEndParams) -> None:
        if ended.response.status < 400 and (pulse := _pulse(pulses, ended.url.path)):
            pulse.heard()

    tracing.on_request_start.append(on_start)
    tracing.on_request_end.append(on_end)
    return tracing


def _pulse(pulses: Pulses, path: str) -> Pulse | None:
    """The pulse of the watch of a kind of ours: `.../escenvironments`, or `.../namespaces/apps/escenvironments`."""
    where, _, plural = path.partition(_ROOT)[2].rpartition("/")
    return pulses.of(plural, where.removeprefix("namespaces/")) if plural else None
