"""kopf's part: the watch of EscEnvironments, and how it logs in.

Only `on.event`: it costs no finalizer, no annotation and no copy of the spec. Every event goes to the reconciler, which
reads the state itself.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import kopf

from esc_operator.handlers.kopf_middleware import Lists, Pages
from esc_operator.handlers.session import Logins, open_session
from esc_operator.handlers.trimming import take_text
from esc_operator.kube.pages import FIRST_PAGE
from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from esc_operator.handlers.kinds import Kinds
    from esc_operator.kube.connection import Connection
    from esc_operator.kube.pulses import Pulses
    from esc_operator.reconciliation.controller.reconciler import Reconciler
    from esc_operator.reconciliation.rotations.controller import RotationController

logger = logging.getLogger(__name__)


def make_registry(  # noqa: PLR0913, PLR0917 - the targets of its handlers
    reconciler: Reconciler,
    rotations: RotationController | None,
    connection: Connection,
    pulses: Pulses,
    kinds: Kinds,
    stop: Callable[[], Awaitable[None]],
) -> kopf.OperatorRegistry:
    """`rotations` is None if the operator works on some namespaces only: then no cluster-scoped kind is watched."""
    registry = kopf.OperatorRegistry()
    logins, lists = Logins(), Lists(Pages(), reconciler.event_handlers.on_empty_list)
    # Of a kind that is not served there is none.
    kinds.listen(reconciler.event_handlers.on_empty_list, reconciler.event_handlers.is_echo)

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        await logins.turn()
        return open_session(connection, pulses, lists, kinds)

    @kopf.on.event(GROUP, VERSION, "escenvironments", registry=registry)
    async def on_environment(event: kopf.RawEvent, **_: Any) -> None:
        # Listed objects have no event type.
        kind, text = event["type"], take_text(cast("dict[str, Any]", event["object"]))
        reconciler.event_handlers.on_environment(
            json.loads(text), deleted=kind == "DELETED", listed=kind is None, text=text
        )

    if rotations is not None:
        kopf.on.event(GROUP, VERSION, "clusterescenvironments", registry=registry)(on_environment)
        kopf.on.event(GROUP, VERSION, "escrotations", registry=registry)(_rotation_handler(rotations))

    @kopf.on.cleanup(registry=registry)
    async def on_cleanup(**_: Any) -> None:
        await stop()

    return registry


def _rotation_handler(rotations: RotationController) -> Callable[..., Awaitable[None]]:
    async def on_rotation(event: kopf.RawEvent, **_: Any) -> None:
        take_text(cast("dict[str, Any]", event["object"]))  # its spec is read when its turn comes
        rotations.on_rotation(event["object"])

    return on_rotation


class NoDiffs(kopf.DiffBaseStorage):
    """kopf stores a copy of each spec, inline secrets included, to detect changes; the operator does not need that."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        # Even without a handler that needs it, the copy would be made for every event.
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class Backoffs:
    """Seconds between two attempts of kopf's requests, doubled up to a short maximum: after an outage changes should be
    noticed soon. Infinite, because when they are exhausted kopf gives up the watch and ends the process. A restart
    would not bring the API server back, and would stop scheduled work."""

    first: float = 1.0
    longest: float = 5.0

    def __iter__(self) -> Iterator[float]:
        pause = self.first
        while True:
            yield pause
            pause = min(pause * 2, self.longest)


def make_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False  # we post our own events: few, and none repeated
    settings.scanning.disabled = True  # needs no right to list namespaces and CRDs
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = FIRST_PAGE  # `Pages` says how many of each page, then
    settings.watching.reconnect_backoff = 1
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.enforce_retry_after = True
    settings.networking.error_backoffs = Backoffs()
    settings.process.ultimate_exiting_timeout = 25
    settings.execution.max_workers = 2  # no handler of ours is synchronous
    # No handler makes kopf write these; if one is ever added, they stay under our own name.
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = NoDiffs()
    return settings
