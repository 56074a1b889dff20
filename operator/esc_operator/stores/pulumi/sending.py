"""Sends requests: headers, another try where one may be repeated, another token after a 401, and a failure translated.

Invariant: whoever cancels leaves nothing behind; a request is repeated only if doing it twice does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from esc_operator import __version__
from esc_operator.errors import ProviderError
from esc_operator.providers import reasons as provider_reasons
from esc_operator.providers.answers import retry_after
from esc_operator.providers.port import HttpAnswer, HttpRequest
from esc_operator.stores.pulumi.answers import DamagedError
from esc_operator.stores.pulumi.failures import damaged, not_the_api, too_large, translate
from esc_operator.stores.pulumi.names import check_api_url, origin_of, request_url

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.stores.pulumi.requests import Call
    from esc_operator.stores.pulumi.tokens import AccessToken, Tokens

T = TypeVar("T")

Send = Callable[[HttpRequest], Awaitable[HttpAnswer]]
"""The transport: follows no redirect, limits size and time. Raises ProviderError if there is no answer."""

LONGEST_ANSWER: Final = 1 << 20
"""Bytes, whatever the transport lets through."""

_PAUSES: Final = (1.0, 2.0, 4.0)
"""Seconds before each next try, where the service names none."""

_ACCEPT: Final = "application/vnd.pulumi+8"


class Retrying(NamedTuple):
    """How long a request may wait for other tries, in seconds altogether, and by what; 0: there is one try only."""

    patience: float = 30.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


ONE_TRY: Final = Retrying(0)
"""For callers that try again by themselves, as the operator does."""


USUAL_RETRIES: Final = Retrying()


class Api:
    """One API: its URL, the transport to it, the clock, and how requests are retried. For one user or many."""

    def __init__(self, url: str, send: Send, now: Callable[[], datetime], retrying: Retrying = USUAL_RETRIES) -> None:
        """Raises ProviderError for a URL that is not one."""
        self._url = check_api_url(url)
        self._send = send
        self._now = now
        self._retrying = retrying

    @property
    def origin(self) -> str:
        """Scheme and host, for messages."""
        return origin_of(self._url)

    def now(self) -> datetime:
        return self._now()

    def check(self, call: Call, answer: HttpAnswer, token: AccessToken | None) -> HttpAnswer:
        """The same answer. Raises ProviderError if it is not a success of the API."""
        if not 200 <= answer.status < 300:
            hide = token.reveal() if token else ""
            raise translate(self.origin, call.asked, answer, self._now(), hide=hide)
        if page := not_the_api(self.origin, call.asked, answer):
            raise page
        return answer

    async def ask(self, call: Call, token: AccessToken | None) -> HttpAnswer:
        """The answer, whatever its status, after as many tries as there is time for. Raises ProviderError."""
        request = self._request(call, token)
        left = self._retrying.patience
        for usual in _PAUSES if call.is_repeatable and left > 0 else ():
            try:
                answer = await self._once(call, request)
                pause = self._pause_after(answer, usual)
            except ProviderError as error:
                if not error.outage or usual > left:
                    raise
                pause = usual
            if pause is None or pause > left:
                return answer
            left -= pause
            await self._retrying.sleep(pause)
        return await self._once(call, request)

    async def _once(self, call: Call, request: HttpRequest) -> HttpAnswer:
        try:
            answer = await self._send(request)
        except ProviderError as error:
            if error.reason == provider_reasons.ANSWER_TOO_LARGE:
                raise too_large(self.origin, call.asked, LONGEST_ANSWER) from None
            raise
        if len(answer.body) > LONGEST_ANSWER:
            raise too_large(self.origin, call.asked, LONGEST_ANSWER)
        return answer

    def _pause_after(self, answer: HttpAnswer, usual: float) -> float | None:
        """The seconds before another try; None if another would end alike."""
        if answer.status != 429 and answer.status < 500:
            return None
        asked_for = retry_after(answer.headers, self._now())
        return usual if asked_for is None else asked_for

    def _request(self, call: Call, token: AccessToken | None) -> HttpRequest:
        headers = {
            "Accept": _ACCEPT,
            "Content-Type": call.content_type,
            "User-Agent": f"esc-operator/{__version__}",
            **call.headers,
        }
        if token is not None:
            headers["Authorization"] = f"token {token.reveal()}"
        return HttpRequest(call.method, request_url(self._url, call.path, call.query), headers, call.body)


class Calls:
    """Sends requests as one user: with the token to use now, and once more with another after a 401."""

    def __init__(self, api: Api, tokens: Tokens) -> None:
        self._api = api
        self._tokens = tokens

    async def succeed(self, call: Call) -> HttpAnswer:
        """The answer, if it is a success. Raises ProviderError, and what the tokens raise."""
        token = await self._tokens.token()
        answer = await self._api.ask(call, token)
        if answer.status == 401 and (other := await self._tokens.instead_of(token)) is not None:
            token = other
            answer = await self._api.ask(call, token)
        return self._api.check(call, answer, token)

    async def read(self, call: Call, parse: Callable[[HttpAnswer], T]) -> T:
        """What `parse` makes of the answer; its DamagedError becomes the failure. Raises as `succeed`."""
        answer = await self.succeed(call)
        try:
            return parse(answer)
        except DamagedError as error:
            raise damaged(self._api.origin, call.asked, str(error)) from None
