"""Telemetry of one request to the API server: verb and resource as Kubernetes names them, no name of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from esc_operator.telemetry import Telemetry

NO_ANSWER = "none"

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Request:
    """One request, and a context around it."""

    def __init__(self, telemetry: Telemetry, method: str, path: str, *, watch: bool = False) -> None:
        self._telemetry = telemetry
        is_object, self._resource = _asked_for(path)
        self._verb = _VERBS.get(method) or ("watch" if watch else "get" if is_object else "list")
        self._code = NO_ANSWER
        self._began = telemetry.clock()
        self._span = telemetry.tracer.span("kubernetes", verb=self._verb, resource=self._resource)

    def answered(self, code: int) -> None:
        self._code = str(code)

    def __enter__(self) -> Self:
        self._span.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = self._telemetry.clock() - self._began
        self._telemetry.meter.requested(self._verb, self._resource, self._code, seconds)
        self._span.note(code=self._code)
        self._span.__exit__(kind, error, trace)


def _asked_for(path: str) -> tuple[bool, str]:
    """Whether a path is that of one object, and the plural that it names, with the subresource if there is one.

    Paths are those of `Resource.path`, as in `/apis/GROUP/VERSION/namespaces/apps/escenvironments/aws/status`.
    """
    if not path.startswith(("/api/", "/apis/")):
        return True, path.rpartition("/")[2]  # not a resource, such as the cluster's issuer
    parts = path.split("/")[3 if path.startswith("/api/") else 4 :]
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    return len(parts) > 1, "/".join(parts[:1] + parts[2:])
