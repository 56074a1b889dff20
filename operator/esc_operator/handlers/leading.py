"""Leader election around the work: a standby waits, a leader renews, and a process that has lost the lease exits at
once.

Owns the identity of this process and its exit. A process that has lost the lease may be doing anything, such as a login
whose answer it would write next, so it is never asked to stop: it exits at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, NoReturn

from esc_operator.election.decision import Terms
from esc_operator.election.elector import Elector, LeaseApi
from esc_operator.errors import ConfigurationError
from esc_operator.handlers.watchdog import end_after
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from esc_operator.handlers.options import Options

logger = logging.getLogger(__name__)

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
LOST_STATUS = 1
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds on a monotonic clock, which also advances while the machine sleeps if the system has one that does."""
    return time.clock_gettime(_CLOCK)


def make_elector(api: LeaseApi, options: Options, namespace_file: Path = NAMESPACE_FILE) -> Elector:
    """`api` is a connection of its own: a renewal must not queue behind the work. Raises ConfigurationError."""
    return Elector(
        api,
        Key(_lease_namespace(options, namespace_file), options.lease_name),
        # A pod keeps its name when its container restarts, and the previous process's lease is not ours.
        f"{socket.gethostname()}_{token_hex(4)}",
        Terms(options.lease_duration),
        clock=elapsed,
        now=lambda: datetime.now(UTC),
        on_held=end_after,
    )


def own_namespace(options: Options, namespace_file: Path = NAMESPACE_FILE) -> str:
    """The namespace of the operator's own objects; "" outside of a cluster, unless an option names it."""
    if options.lease_namespace:
        return options.lease_namespace
    try:
        return namespace_file.read_text().strip()
    except OSError:
        return ""


def _lease_namespace(options: Options, namespace_file: Path) -> str:
    namespace = own_namespace(options, namespace_file)
    if not namespace:
        raise ConfigurationError(
            "the lease needs a namespace, and this process is in no cluster: name the operator's namespace with "
            "--lease-namespace, or use --no-leader-election if no other operator works on this cluster"
        )
    return namespace


@contextlib.asynccontextmanager
async def leading(elector: Elector | None, stopping: asyncio.Event) -> AsyncIterator[bool]:
    """A block in which this process leads. It yields False if the process was asked to stop before it led.

    All writes have to end with the block: after it the lease is released.
    """
    if elector is None:
        yield not stopping.is_set()
        return
    try:
        if not await _is_acquired(elector, stopping):
            yield False
            return
        keeping = asyncio.create_task(_keep(elector), name="lease")
        try:
            yield True
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
    finally:
        await elector.release()


async def _is_acquired(elector: Elector, stopping: asyncio.Event) -> bool:
    acquiring = asyncio.create_task(elector.acquire(), name="election")
    stopped = asyncio.create_task(stopping.wait(), name="stop")
    try:
        await asyncio.wait([acquiring, stopped], return_when=asyncio.FIRST_COMPLETED)
        if acquiring.done():
            await acquiring  # raises its error, if any
        return acquiring.done() and not stopped.done()
    finally:
        for task in (acquiring, stopped):
            task.cancel()
        await asyncio.wait([acquiring, stopped])


async def _keep(elector: Elector) -> None:
    try:
        reason = await elector.keep()
    except Exception as error:  # noqa: BLE001 - whatever it is: a lease that nobody renews is lost
        reason = f"its renewal failed ({type(error).__name__})"
    end_at_once(reason)


def require(elector: Elector | None) -> None:
    """Exit unless this process leads now, or runs without leader election."""
    if elector is not None and not elector.holds:
        end_at_once("it was not renewed in time")


def end_at_once(reason: str) -> NoReturn:
    """Exit without clean-up: each step of it might write."""
    logger.critical("The lease is lost: %s. Exiting at once", reason)
    sys.stderr.flush()
    os._exit(LOST_STATUS)
