"""What the readers of AWS have in common: inputs, calls in one region or the next, and all or nothing.

A reader asks for many things at once. It reads them in few calls, and each that cannot be read is told at its own
input, all of them together. If a region does not serve, all of it is read in `failoverRegion`: never a part.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from esc_operator.errors import FailedPart, ProviderError
from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.aws.arns import account_of_key, region_of
from esc_operator.providers.aws.calls import translate_call
from esc_operator.providers.aws.clients import SignedClients, choose_target
from esc_operator.providers.aws.regions import region_problems
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.reading import Found, is_of_all, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from esc_operator.evaluation import Login, Opened
    from esc_operator.providers.aws.clients import Target
    from esc_operator.providers.port import OpenContext
    from esc_operator.providers.refusals import Rule

MOST_ITEMS = 500
"""How many things one call of a reader asks for."""

AT_ONCE = 4
"""How many requests of one call run at a time."""

OF_ONE = frozenset({aws_reasons.ACCESS_DENIED, aws_reasons.DECRYPTION_REFUSED, reasons.INVALID_INPUTS})
"""Why AWS may refuse a whole batch for one in it: asked for by itself, each says what is wrong with it."""

_MOST_TOLD = 3

NAME: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 2048}


class Asked(NamedTuple):
    """One request, as messages describe it: for `subject`, with the permission `action`. `version` says which one is
    asked for, "" for that in use."""

    service: str
    host: str
    region: str
    subject: str
    action: str
    version: str = ""


Ref = TypeVar("Ref")
"""What is asked for: hashable, and the same for inputs that ask for the same."""

Answers = dict[Ref, Found | ProviderError]


class Calls:
    """The calls of one opening in one region, signed by its login."""

    def __init__(self, client: Any, target: Target, context: OpenContext, rules: Sequence[Rule[Asked]]) -> None:
        self._client = client
        self._context = context
        self._rules = rules
        self.target = target

    @property
    def now(self) -> datetime:
        return self._context.now()

    async def call(self, operation: str, asked: Asked, **parameters: Any) -> Mapping[str, Any] | ProviderError:
        """The answer as botocore returns it, or the error."""
        now = self.now

        def call() -> Mapping[str, Any] | ProviderError:
            try:
                answer: Mapping[str, Any] = getattr(self._client, operation)(**parameters)
            except Exception as error:
                translated = translate_call(error, asked, self._rules, now)
                if translated is None:
                    raise
                return translated
            return answer

        # An error is returned and not raised: a traceback of the pool's thread would hold a frame with the login.
        return await self._context.run_blocking(call)


class Reader(Generic[Ref]):
    """A provider that reads. A subclass says what its inputs ask for (`ref`), how that is read (`read`), and what its
    store calls it (`name_of`)."""

    name: ClassVar[str]
    store: ClassVar[str]
    """The service in the host's name, such as ssm."""
    rules: ClassVar[Sequence[Rule[Asked]]]
    named_by: ClassVar[str]
    """The input of each item that has its name."""
    host_inputs: ClassVar[tuple[str, ...]] = ("region", "failoverRegion")

    def __init__(self, clients: Callable[[Target, Mapping[str, Any]], Any] | None = None) -> None:
        self._clients = clients or SignedClients().client

    def ref(self, item: Mapping[str, Any], region: str) -> Ref:
        """What one item asks for, in this region."""
        raise NotImplementedError

    async def read(self, refs: Sequence[Ref], calls: Calls) -> Answers[Ref]:
        """For each its answer or its error."""
        raise NotImplementedError

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        return " or ".join(target.host for target in self._targets(inputs, settings))

    def account(self, inputs: Mapping[str, Any]) -> str:
        return account_of_key(inputs["login"]["accessKeyId"])

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it uses the keys of another login."""
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        yield from region_problems(inputs)
        yield from region_problems(inputs, name="failoverRegion")
        region, failover, wanted = inputs.get("region"), inputs.get("failoverRegion"), inputs.get("get")
        if isinstance(region, str) and region == failover:
            message = "`failoverRegion` is the same as `region`: name another one, or leave it out"
            yield InputProblem(("failoverRegion",), message, reasons.INVALID_INPUTS)
        if not isinstance(wanted, dict):
            return
        if len(wanted) > MOST_ITEMS:
            message = f"one call reads {MOST_ITEMS} at most, and these are {len(wanted)}: split them into several calls"
            yield InputProblem(("get",), message, reasons.INVALID_INPUTS)
        for name, item in wanted.items():
            asked = item.get(self.named_by) if isinstance(item, dict) else None
            if isinstance(asked, str) and isinstance(region, str) and region_of(asked) not in {"", region}:
                message = f"the ARN is of another region than `region`, {region}: read it in a call for its own region"
                yield InputProblem(("get", name, self.named_by), message, reasons.INVALID_INPUTS)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        targets = self._targets(inputs, context.settings)
        read, region = await self._read_somewhere(inputs, targets, context)
        note = "" if region == inputs["region"] else f"read in {region}"
        failures = {name: one for name, one in read.items() if isinstance(one, ProviderError)}
        if failures:
            raise _together(failures)
        found = {
            name: replace(one, note=", ".join(text for text in (one.note, note) if text))
            for name, one in read.items()
            if isinstance(one, Found)
        }
        return opened("get", inputs, found, self.named_by)

    async def _read_somewhere(
        self, inputs: Mapping[str, Any], targets: Sequence[Target], context: OpenContext
    ) -> tuple[Mapping[str, Found | ProviderError], str]:
        """What was read, in the first region that serves, and that region. Raises what concerns the whole."""
        *others, last = targets
        for target in others:
            try:
                return await self._read_in(target, inputs, context), target.region
            except ProviderError as error:
                if error.throttled or not error.outage:
                    raise
        return await self._read_in(last, inputs, context), last.region

    async def _read_in(
        self, target: Target, inputs: Mapping[str, Any], context: OpenContext
    ) -> Mapping[str, Found | ProviderError]:
        refs = {name: self.ref(item, target.region) for name, item in inputs["get"].items()}
        client = await context.run_blocking(lambda: self._client(target, inputs["login"]))
        if isinstance(client, ProviderError):
            raise client
        try:
            read = await self.read(tuple(dict.fromkeys(refs.values())), Calls(client, target, context, self.rules))
        finally:
            client.close()
        times = Counter(id(one) for one in read.values())
        for one in read.values():
            if isinstance(one, ProviderError) and (is_of_all(one) or times[id(one)] > 1):
                raise one
        return {name: read[ref] for name, ref in refs.items()}

    def _client(self, target: Target, login: Mapping[str, Any]) -> Any:
        try:
            return self._clients(target, login)
        except ValueError:  # botocore raises it for an endpoint that is not a URL
            from esc_operator.providers.login_reasons import INVALID_ENDPOINT

            return ProviderError(
                f"the endpoint {target.host} cannot be used: AWS_ENDPOINT_URL must be a URL such as"
                f" https://{self.store}.eu-west-1.amazonaws.com",
                reason=INVALID_ENDPOINT,
            )

    def _targets(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> tuple[Target, ...]:
        refuse(self.problems(inputs))
        regions = (inputs["region"], inputs.get("failoverRegion"))
        return tuple(choose_target(self.store, settings, region=region) for region in regions if region)


def batches(refs: Iterable[Ref], size: int) -> list[tuple[Ref, ...]]:
    every = tuple(refs)
    return [every[start : start + size] for start in range(0, len(every), size)]


async def a_few_at_once(asked: Iterable[Callable[[], Awaitable[Answers[Ref]]]]) -> Answers[Ref]:
    """All answers together. After a failure of all, nothing more is asked."""
    answers: Answers[Ref] = {}
    for some in batches(asked, AT_ONCE):
        for these in await asyncio.gather(*(ask() for ask in some)):
            answers |= these
        if any(isinstance(one, ProviderError) and is_of_all(one) for one in answers.values()):
            break
    return answers


def reader_inputs(named: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a reader's inputs: `item` is that of one in `get`, `named` what it is called."""
    return {
        "type": "object",
        "required": ["region", "login", "get"],
        "additionalProperties": False,
        "properties": {
            "region": {"type": "string", "minLength": 1, "description": f"The region of the {named}s."},
            "failoverRegion": {
                "added": True,
                "type": "string",
                "minLength": 1,
                "description": "The region in which all of them are read if `region` does not serve.",
            },
            "login": {
                "type": "object",
                "title": "AWSLogin",
                "description": "The outputs of aws-login.",
                "required": ["accessKeyId", "secretAccessKey"],
                "properties": {
                    "accessKeyId": {"type": "string"},
                    "secretAccessKey": SECRET,
                    "sessionToken": SECRET,
                    "expiresAt": {"type": "string", "added": True},
                },
            },
            "get": {
                "type": "object",
                "description": f"The {named}s to read, by the name that each gets in the outputs.",
                "minProperties": 1,
                "additionalProperties": item,
            },
        },
    }


def _together(failures: Mapping[str, ProviderError]) -> ProviderError:
    parts = [FailedPart(("get", name), error.message, error.reason) for name, error in failures.items()]
    more = f" (and {len(parts) - _MOST_TOLD} more)" if len(parts) > _MOST_TOLD else ""
    message = "; ".join(part.message for part in parts[:_MOST_TOLD]) + more
    return ProviderError(message, reason=parts[0].reason, parts=parts)
