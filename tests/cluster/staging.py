"""What the long shows on a cluster of their own are set up with."""

from __future__ import annotations

import abc
import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Staged(abc.ABC):
    """Use it in a `with` block. What was set up is taken down at its end, or once setting up has failed half-way."""

    def __init__(self) -> None:
        self._closing = contextlib.ExitStack()

    @abc.abstractmethod
    def set_up(self, stack: contextlib.ExitStack) -> None:
        """Set all up; `stack` takes it down."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.set_up(stack)
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()
