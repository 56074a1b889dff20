"""An STS as light as can be, in a process of its own: what is measured has to be the operator and not its provider.

It speaks the protocol of AssumeRoleWithWebIdentity as far as the call that succeeds and two refusals, and looks into no
token: what AWS would refuse is for `local_aws` to refuse. Every call gets credentials of its own.

`python -m benchmarks.sts_double` serves on a free port, which it prints.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
# About as long as a real one.
TOKEN_TAIL = secrets.token_urlsafe(600)

ANSWER = f"""\
<AssumeRoleWithWebIdentityResponse xmlns="{NAMESPACE}">\
<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>subject</SubjectFromWebIdentityToken>\
<Audience>sts.amazonaws.com</Audience>\
<AssumedRoleUser><Arn>%(role)s/%(session)s</Arn><AssumedRoleId>AROA:%(session)s</AssumedRoleId></AssumedRoleUser>\
<Credentials><AccessKeyId>ASIA%(number)016d</AccessKeyId><SecretAccessKey>%(secret)s</SecretAccessKey>\
<SessionToken>%(number)d.{TOKEN_TAIL}</SessionToken><Expiration>%(expiration)s</Expiration></Credentials>\
<Provider>issuer</Provider></AssumeRoleWithWebIdentityResult>\
<ResponseMetadata><RequestId>%(number)d</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"""

REFUSAL = f"""\
<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>%s</Code><Message>refused</Message></Error>\
<RequestId>0</RequestId></ErrorResponse>"""


class StsDouble:
    """The process, for as long as its `with` block. `endpoint` is what AWS_ENDPOINT_URL_STS has to be."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.sts_double"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def answer_after(self, seconds: float) -> None:
        """Let every answer take so long."""
        self._ask({"delay": seconds})

    def fall_due_at(self, times: Mapping[str, float]) -> None:
        """When the next credentials of each session have to be renewed, as timestamps, more or less; those after them
        live as long as asked."""
        self._ask({"due": dict(times)})

    def throttle(self, account: str) -> None:
        """Refuse an account's calls from now on, as one that has asked too often."""
        self._ask({"throttled": account})

    def call_of_ours(self) -> dict[str, str]:
        """The form of a call that it answers with credentials."""
        return {
            "Action": "AssumeRoleWithWebIdentity",
            "WebIdentityToken": "a.b.c",
            "RoleArn": "arn:aws:iam::123456789012:role/ours",
            "RoleSessionName": "ours",
        }

    def calls(self) -> int:
        """How many calls have been answered with credentials."""
        calls: int = self._ask({})["calls"]
        return calls

    def _ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.endpoint}/control", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            parsed: dict[str, Any] = json.loads(answer.read())
            return parsed


class TokenService:
    def __init__(self) -> None:
        self._delay = 0.0
        self._due: dict[str, float] = {}
        self._throttled: set[str] = set()
        self._calls = 0

    async def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/control":
            return 200, json.dumps(self._control(json.loads(body))).encode()
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if self._delay:
            await asyncio.sleep(self._delay)
        if asked.get("Action") != "AssumeRoleWithWebIdentity":
            return 400, (REFUSAL % "InvalidAction").encode()
        if asked.get("WebIdentityToken", "").count(".") != 2:
            return 400, (REFUSAL % "InvalidIdentityToken").encode()
        if asked["RoleArn"].split(":")[4] in self._throttled:
            return 400, (REFUSAL % "Throttling").encode()
        return 200, self._issue(asked).encode()

    def _control(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._delay = asked.get("delay", self._delay)
        self._due.update(asked.get("due", {}))
        self._throttled.update({asked["throttled"]} if "throttled" in asked else ())
        return {"calls": self._calls}

    def _issue(self, asked: Mapping[str, str]) -> str:
        self._calls += 1
        session = asked["RoleSessionName"]
        now, due = time.time(), self._due.pop(session, None)
        expires_at = now + (life_until(due - now) if due else int(asked.get("DurationSeconds", "3600")))
        return ANSWER % {
            "role": asked["RoleArn"],
            "session": session,
            "number": self._calls,
            "secret": secrets.token_urlsafe(30),
            "expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires_at)),
        }


def life_until(due: float) -> float:
    """How many seconds credentials have to live to be renewed in so many: a third of that life ahead of the end of
    their use, and half of a twentieth earlier in the mean. Their use ends a twentieth, at most a minute, ahead of
    their end."""
    return min(due / (1 - 1 / 3 - 1 / 20 - 1 / 40), (due + 60) / (1 - 1 / 3 - 1 / 40))


async def serve_connection(service: TokenService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = Counter[str]()
            for name, _, value in (line.partition(":") for line in fields):
                if name.lower() == "content-length":
                    headers["length"] = int(value)
            status, content = await service.answer(head.split(" ")[1], await reader.readexactly(headers["length"]))
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
            writer.write(
                f"HTTP/1.1 {status} Answer\r\nContent-Type: text/xml\r\nDate: {date}\r\n"
                f"Content-Length: {len(content)}\r\n\r\n".encode()
                + content
            )
            await writer.drain()
    writer.close()


async def serve() -> None:
    service = TokenService()
    server = await asyncio.start_server(
        lambda reader, writer: serve_connection(service, reader, writer), "127.0.0.1", 0, limit=2**20
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
