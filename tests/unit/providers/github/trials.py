"""The trials of GitHub's login, answered as GitHub answers."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from esc_operator.providers.github.login import GitHubLogin
from esc_operator.testing import Failure, Trial, json_answer

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyzABCD"
INSTALLED = json_answer({"id": 42, "app_id": 7, "app_slug": "acme-deploys", "suspended_at": None})
GRANTED = json_answer({"token": TOKEN, "expires_at": "2026-05-01T13:00:00Z", "permissions": {}}, 201)


@lru_cache(maxsize=1)
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def refused(status: int, message: str, **headers: str) -> HttpAnswer:
    return json_answer({"message": message, "documentation_url": "https://docs.github.com/rest"}, status, **headers)


def failing(name: str, answer: HttpAnswer, reason: str, *says: str, at: int = 1) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=says, at=at)


LOGIN: dict[str, Any] = {
    "appId": 7,
    "owner": "acme",
    "privateKey": private_key(),
    "repositories": ["web", "api"],
    "permissions": {"contents": "read"},
}

TRIALS = [
    Trial(
        plugin=GitHubLogin,
        inputs=LOGIN,
        answers=[INSTALLED, GRANTED],
        secrets=[TOKEN, private_key().splitlines()[5]],
        lease=timedelta(hours=1),
        quotes=lambda text: refused(400, text),
        failures=[
            failing(
                "a key of another App",
                refused(401, "A JSON web token could not be decoded"),
                "GitHubKeyRefused",
                "does not accept `privateKey` as a key of the GitHub App 7",
                at=0,
            ),
            failing(
                "a wrong clock",
                refused(401, "'Expiration time' claim ('exp') is too far in the future"),
                "GitHubKeyRefused",
                "says that the clock here is wrong",
                at=0,
            ),
            failing(
                "not installed on the owner",
                refused(404, "Not Found"),
                "GitHubAppNotInstalled",
                "the GitHub App 7 is not installed on acme",
                at=0,
            ),
            failing(
                "a suspended installation",
                refused(403, "This installation has been suspended"),
                "GitHubInstallationSuspended",
                "an owner of acme has to unsuspend it",
            ),
            failing(
                "a repository that the installation does not have",
                refused(
                    422,
                    "There is at least one repository that does not exist or is not accessible to the parent"
                    " installation.",
                ),
                "GitHubRepositoryMissing",
                "has no access to at least one of web, api",
            ),
            failing(
                "a permission that the installation does not have",
                refused(422, "The permissions requested are not granted to this installation."),
                "GitHubPermissionMissing",
                "contents: read",
            ),
            Failure(
                name="a rate limit, which GitHub tells with 403",
                answer=refused(403, "API rate limit exceeded", x_ratelimit_reset="1777636860"),
                reason="Throttled",
                says=["limits the rate of calls"],
                throttled=True,
            ),
            Failure(
                name="a repository with its owner",
                inputs={**LOGIN, "repositories": ["acme/web"]},
                reason="InvalidInputs",
                says=["without its owner"],
            ),
            Failure(
                name="an owner that is none",
                inputs={**LOGIN, "owner": "acme/web"},
                reason="InvalidInputs",
                says=["write one such as acme"],
            ),
        ],
        counterpart="stand-in",
    ),
    Trial(
        title="GitHub Enterprise",
        plugin=GitHubLogin,
        inputs={**LOGIN, "ghe": {"host": "github.example.com"}},
        answers=[INSTALLED, GRANTED],
        secrets=[TOKEN, private_key().splitlines()[5]],
        lease=timedelta(hours=1),
        failures=[
            Failure(
                name="a host with a scheme",
                inputs={**LOGIN, "ghe": {"host": "https://github.example.com"}},
                reason="InvalidInputs",
                says=["without a scheme or a path"],
            ),
        ],
    ),
]
