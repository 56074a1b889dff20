"""What this Pulumi Cloud says when it says no. Nothing here decides whether to refuse."""

from collections.abc import Sequence
from typing import Any

from local_https import Answer

_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
}


class RefusedError(Exception):
    """A request that is refused, and how the service says so: `{"code", "message"}`, with diagnostics if any."""

    def __init__(self, status: int, message: str, diagnostics: Sequence[dict[str, Any]] = ()) -> None:
        self.status = status
        self.message = f"{_NAMES[status]}: {message}"
        self.diagnostics = list(diagnostics)
        self.headers: dict[str, str] = {}
        super().__init__(self.message)

    @property
    def answer(self) -> Answer:
        content: dict[str, Any] = {"code": self.status, "message": self.message}
        if self.diagnostics:
            content["diagnostics"] = self.diagnostics
        return Answer(content, self.status, self.headers)


def bad_request(message: str) -> RefusedError:
    return RefusedError(400, message)


def invalid_definition(diagnostics: Sequence[dict[str, Any]]) -> RefusedError:
    return RefusedError(400, "the environment definition contains errors", diagnostics)


def not_authenticated() -> RefusedError:
    return RefusedError(401, "No credentials provided or are invalid.")


def not_permitted(permission: str, environment: str) -> RefusedError:
    return RefusedError(403, f"the access token lacks the permission environment:{permission} on {environment}")


def not_found(what: str) -> RefusedError:
    return RefusedError(404, f"{what} not found")


def conflict(message: str) -> RefusedError:
    return RefusedError(409, message)


def too_many_requests(retry_after: int) -> RefusedError:
    refused = RefusedError(429, "the organization's rate limit is exceeded")
    refused.headers["Retry-After"] = str(retry_after)
    return refused


def change_requests_are_off() -> RefusedError:
    return bad_request("the Approvals feature is not enabled for this organization")
