"""Deletes the oldest ended EscRotations of `esc rotate`, as `history` decides."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from esc_operator.errors import ConflictError, ForbiddenError
from esc_operator.kube.paths import ROTATIONS
from esc_operator.reconciliation.rotations.history import KEPT_AT_LEAST, Ended, ended, expendable

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.rotation import EscRotation, RotationStatus

logger = logging.getLogger(__name__)


class Cleanup:
    """Knows the ended EscRotations that it has seen. One that is not yet seen is newer than none of those deleted: more
    than `limit` newer ones are known."""

    def __init__(self, api: KubeApi, limit: int) -> None:
        self._api = api
        self._limit = limit
        self._ended: dict[str, Ended] = {}
        self._has_warned = False

    def forget(self, name: str) -> None:
        """That EscRotation is gone."""
        self._ended.pop(name, None)

    async def after(self, rotation: EscRotation, status: RotationStatus, now: datetime) -> datetime | None:
        """Clean up after one EscRotation was observed; returns when to observe it again, if ever. Raises KubeError."""
        one = ended(rotation, status)
        if one is None:
            self.forget(rotation.name)
            return None
        self._ended[one.name] = one
        for old in expendable(self._ended.values(), self._limit, now):
            await self._delete(old)
        due = one.completed_at + KEPT_AT_LEAST
        return due if now < due else None

    async def _delete(self, old: Ended) -> None:
        try:
            await self._api.delete(ROTATIONS, None, old.name, uid=old.uid)
        except ConflictError:
            logger.debug("EscRotation %s is another one now", old.name)
        except ForbiddenError as error:
            # A role of an earlier version: an administrator may not want to widen it.
            if not self._has_warned:
                logger.warning("Ended EscRotations of esc rotate are not deleted: %s", error.message)
            self._has_warned = True
        else:
            logger.info("EscRotation %s of esc rotate deleted: %d newer ones are kept", old.name, self._limit)
        self.forget(old.name)
