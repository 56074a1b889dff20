"""Checks of failures: each is explained, whatever a service, or what answers in its place, sends."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from esc_operator.errors import EscError, ProviderError
from esc_operator.evaluation import Failed, Opened, Rotated
from esc_operator.providers import reasons
from esc_operator.providers.port import HttpAnswer, HttpRequest
from esc_operator.testing.evidence import Seen, error
from esc_operator.testing.fakes import FakeContext, json_answer, text_answer
from esc_operator.testing.running import assert_silent, run
from esc_operator.testing.serving import assert_fits
from esc_operator.testing.wires import Fault, PortWire, Script, loopback, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from esc_operator.testing.running import Run
    from esc_operator.testing.trial import Failure, Trial
    from esc_operator.testing.wires import Change

_PAGE = "<!DOCTYPE html><html><body><h1>It works!</h1>a-page-of-another-service</body></html>"
_NOT_AN_ANSWER: Mapping[str, HttpAnswer] = {
    "nothing": text_answer(""),
    "a page of HTML": text_answer(_PAGE, content_type="text/html"),
    "half of a JSON text": text_answer('{"auth": {"client_to'),
    "bytes": HttpAnswer(200, {}, b"\x00\xff\xfe\x80"),
    "a list": json_answer([]),
    "null": json_answer(None),
    "an empty object": json_answer({}),
    "ten thousand brackets": text_answer("[" * 10_000),
}
_MOST_CUTS = 25
_ELEMENT = re.compile(rb"<(\w+)>([^<]*)</\1>")
"""An element of XML without others in it."""


def failure_is_explained(trial: Trial, *, failure: Failure) -> Sequence[Seen]:
    answer = failure.answer
    change = from_request(failure.at, answer) if answer is not None else unchanged
    asked = dataclasses.replace(trial, identity=failure.identity) if failure.identity is not None else trial
    done = run(asked, change, inputs=failure.inputs, plugin=failure.plugin and failure.plugin())
    failed = done.failed
    assert failed.reason == failure.reason, f"the reason is {failed.reason}, not {failure.reason}: {failed.message}"
    missing = [words for words in failure.says if words not in failed.message]
    assert not missing, f"the message does not say {missing}: {failed.message}"
    assert failed.outage == (failure.outage or failure.throttled), f"`outage` is {failed.outage}"
    assert failed.throttled == failure.throttled, f"`throttled` is {failed.throttled}"
    if failure.plugin is not None:
        return [error(failure.name, failed)]
    if answer is None:
        assert not done.script.requests, "the inputs were to be refused before the first request"
        if failure.identity is None:
            _assert_checked(trial, failure)
    else:
        assert len(done.script.requests) > failure.at, f"the request number {failure.at} was not made"
    return [error(failure.name, failed)]


def garbage_is_malformed(trial: Trial) -> Sequence[Seen]:
    """What is not an answer of this service is reported as that, whichever request it answers."""
    seen = []
    for case, answer in _NOT_AN_ANSWER.items():
        for failed in _at_each_request(trial, answer):
            assert failed.reason == reasons.MALFORMED_ANSWER, f"{case}: {failed.reason}: {failed.message}"
            assert failed.outage, f"{case}: whatever answers in the service's place is an outage: {failed.message}"
            assert "another-service" not in failed.message, "the message repeats the page"
        seen.append(error(case, failed))
    return seen


def refusal_of_another_is_explained(trial: Trial) -> Sequence[Seen]:
    """A page of HTML with the status of a refusal: a proxy, or a login page."""
    seen = []
    for status in (401, 403, 404):
        answer = text_answer(_PAGE, status, content_type="text/html")
        for failed in _at_each_request(trial, answer):
            assert failed.reason != reasons.PROVIDER_CRASHED, failed.message
            assert "another-service" not in failed.message, "the message repeats the page"
        seen.append(error(f"{status} with a page", failed))
    return seen


def redirect_is_not_followed(trial: Trial) -> Sequence[Seen]:
    elsewhere = "/somewhere-else"
    for status in (301, 302, 307, 308):
        answer = text_answer("", status, location=f"https://attacker.example.com{elsewhere}")
        done = run(trial, from_request(0, answer))
        failed = done.failed
        assert failed.reason != reasons.PROVIDER_CRASHED, failed.message
        assert not [one.url for one in done.script.requests if elsewhere in one.url], "it followed a redirect"
    return [error("a redirect", failed)]


def parts_are_not_taken_on_trust(trial: Trial) -> Sequence[Seen]:
    """Every part of each answer is left out once, and once replaced by another kind of value."""
    tried = 0
    for at, genuine in enumerate(run(trial).script.answers):
        for body in _mutations(genuine.body):
            done = run(trial, from_request(at, genuine._replace(body=body)))
            tried += 1
            answer = done.answer
            if isinstance(answer, Failed):
                assert answer.reason != reasons.PROVIDER_CRASHED, f"{answer.message} ({done.origin})"
            elif isinstance(answer, Rotated):
                assert_fits(answer.state, done.plugin.state)
            elif answer is not None:
                assert_fits(answer.value, done.plugin.outputs)
    return [Seen("changed answers", str(tried))]


def large_answer_is_refused(trial: Trial) -> Sequence[Seen]:
    expected = {reasons.ANSWER_TOO_LARGE, reasons.MALFORMED_ANSWER}
    return _faults(trial, Fault.TOO_LARGE, expected, outage=False)


def cut_off_is_an_outage(trial: Trial) -> Sequence[Seen]:
    return _faults(trial, Fault.CUT_OFF, set(), outage=True)


def unreachable_is_an_outage(trial: Trial) -> Sequence[Seen]:
    return _faults(trial, Fault.UNREACHABLE, set(), outage=True)


def throttling_is_of_the_account(trial: Trial) -> Sequence[Seen]:
    answer = trial.throttled or text_answer("", 429)
    answer = answer._replace(headers={**answer.headers, "retry-after": "17"})
    for failed in _at_each_request(trial, answer):
        assert failed.throttled, f"429 is throttling: {failed.reason}: {failed.message}"
        assert failed.retry_after == 17, f"`Retry-After: 17` became {failed.retry_after}"
    return [error("429", failed)]


def outage_is_of_the_service(trial: Trial) -> Sequence[Seen]:
    for status in (502, 503, 504):
        answer = text_answer(_PAGE, status, content_type="text/html")
        for failed in _at_each_request(trial, answer):
            assert failed.outage, f"{status} is an outage: {failed.reason}: {failed.message}"
            assert not failed.throttled, f"{status} is no throttling"
            assert "another-service" not in failed.message, "the message repeats the page"
    return [error("503", failed)]


OF_ANSWERS: Mapping[str, Callable[[Trial], Sequence[Seen]]] = {
    "what is not an answer of its service is malformed": garbage_is_malformed,
    "a refusal that is not its service's is explained": refusal_of_another_is_explained,
    "a redirect is not followed": redirect_is_not_followed,
    "no part of an answer is taken on trust": parts_are_not_taken_on_trust,
    "an answer that is too large is refused": large_answer_is_refused,
    "an answer that is cut off is an outage": cut_off_is_an_outage,
    "a service that cannot be reached is an outage": unreachable_is_an_outage,
    "throttling is declared, with its Retry-After": throttling_is_of_the_account,
    "an outage is declared": outage_is_of_the_service,
}


def silence_is_an_outage(trial: Trial) -> Sequence[Seen]:
    """Through the context the driver's limit ends it; an HTTP client of its own needs limits of its own."""
    limit = 30.0 if trial.settings is not None else 0.05
    hasty = trial if trial.hasty is None else dataclasses.replace(trial, plugin=trial.hasty)
    for failed in _at_each_request(hasty, Fault.SILENCE, seconds=limit):
        assert failed.outage, f"no answer is an outage: {failed.reason}: {failed.message}"
        if trial.settings is not None:
            assert failed.reason != reasons.PROVIDER_TIMEOUT, "its own client has no time limit: it would keep a thread"
    return [error("no answer", failed)]


def cancellation_is_passed_on(trial: Trial) -> Sequence[Seen]:
    """Cancelled while any of its requests is under way, it stops at once, and the same plug-in serves the next call."""
    many = len(run(trial).script.requests)
    plugin = trial.plugin()
    for at in range(many):
        asyncio.run(_cancel(trial, plugin, at))
    run(trial, plugin=plugin).succeeded  # noqa: B018 - it says why if not
    return [Seen("cancelled at", f"{many} request{'' if many == 1 else 's'}")]


async def _cancel(trial: Trial, plugin: Any, at: int) -> None:
    loop = asyncio.get_running_loop()

    def cancel(number: int, _: HttpRequest, genuine: HttpAnswer) -> HttpAnswer | Fault:
        if number < at:
            return genuine
        loop.call_soon_threadsafe(task.cancel)  # a server answers on threads of its own
        return Fault.SILENCE

    script = Script(trial.new_service(), cancel)
    with contextlib.ExitStack() as stack:
        if trial.settings is None:
            context = FakeContext(PortWire(script).send)
        else:
            server = stack.enter_context(loopback(script, tls=trial.tls))
            context = FakeContext(settings=server.settings(trial.settings))
        arguments = (trial.state,) if hasattr(plugin, "rotate") else ()
        call = plugin.rotate if hasattr(plugin, "rotate") else plugin.open
        task = asyncio.create_task(call(trial.inputs, *arguments, context))
        done, _ = await asyncio.wait([task], timeout=10)
        assert done, "it does not stop when it is cancelled"
        assert task.cancelled(), "it swallowed the cancellation"
        context.close()


def renewal_survives_anything(trial: Trial) -> Sequence[Seen]:
    """Whatever answers, a renewal gives the values for longer, or none, or says that the service does not serve."""
    done = run(trial)
    opened = done.succeeded
    if not isinstance(opened, Opened) or opened.renewal is None:
        return [Seen("renewal", "this answer has none")]
    instead = [*_NOT_AN_ANSWER.values(), text_answer(_PAGE, 403), text_answer("", 429), text_answer("", 503)]
    faults: list[HttpAnswer | Fault] = [Fault.CUT_OFF, Fault.UNREACHABLE]
    for answer in (*instead, *faults):
        asyncio.run(_renew(trial, done.plugin, opened, answer))
    return [Seen("renewal", f"survives {len(instead) + len(faults)} answers")]


async def _renew(trial: Trial, plugin: Any, opened: Opened, instead: HttpAnswer | Fault) -> None:
    context = FakeContext(PortWire(Script(trial.new_service(), from_request(0, instead))).send)
    failed: ProviderError | None = None
    try:
        renewed = await plugin.renew(trial.inputs, opened, context)
    except ProviderError as raised:
        renewed, failed = None, raised
    assert renewed is None or isinstance(renewed, Opened), f"a renewal gives an Opened or None, not {renewed!r}"
    if failed is not None:
        assert failed.outage or isinstance(instead, HttpAnswer), f"this is an outage: {failed.message}"
        assert_silent(trial, f"{failed} {failed!r}")
    with contextlib.suppress(ProviderError):
        await plugin.revoke(trial.inputs, opened, context)


def from_request(at: int, instead: HttpAnswer | Fault) -> Change:
    """From the request with this number on, this happens: a client may repeat a request."""

    def change(number: int, _: HttpRequest, genuine: HttpAnswer) -> HttpAnswer | Fault:
        return genuine if number < at else instead

    return change


def _at_each_request(trial: Trial, instead: HttpAnswer | Fault, seconds: float = 30.0) -> list[Failed]:
    """The failures if something happens at the first request, at the second, and so on."""
    many = len(run(trial).script.requests)
    runs = [run(trial, from_request(at, instead), seconds=seconds) for at in range(many)]
    for done in runs:
        _assert_explained(done)
    return [done.failed for done in runs]


def _assert_explained(done: Run) -> None:
    failed = done.failed
    assert failed.reason != reasons.PROVIDER_CRASHED, f"{failed.message} ({done.origin})"
    if failed.reason != reasons.PROVIDER_TIMEOUT:
        assert isinstance(done.raised, EscError), f"{done.origin} is not an EscError"
    assert "\n" not in failed.message, f"the message has several lines: {failed.message}"
    assert len(failed.message) < 1000, f"the message is {len(failed.message)} characters long"


def _assert_checked(trial: Trial, failure: Failure) -> None:
    """What `open` refuses for the inputs alone, a check reports."""
    plugin: Any = trial.plugin()
    found = [problem.reason for problem in plugin.problems(failure.inputs)] if hasattr(plugin, "problems") else []
    assert failure.reason in found, (
        f"`problems` does not report {failure.reason}, so a check of an environment does not"
    )


def _faults(trial: Trial, fault: Fault, expected: set[str], *, outage: bool) -> Sequence[Seen]:
    for failed in _at_each_request(trial, fault):
        assert not expected or failed.reason in expected, f"{failed.reason}: {failed.message}"
        assert failed.outage or not outage, f"this is an outage: {failed.reason}: {failed.message}"
    return [error(fault.value, failed)]


def _mutations(body: bytes) -> Iterator[bytes]:
    try:
        content = json.loads(body)
    except ValueError:
        step = max(1, len(body) // _MOST_CUTS)
        yield from (body[:end] for end in range(0, len(body), step))
        for element in _ELEMENT.finditer(body):
            yield body[: element.start()] + body[element.end() :]
            yield body[: element.start(2)] + body[element.end(2) :]
        return
    for changed in _changes(content):
        yield json.dumps(changed).encode()


def _changes(content: Any) -> Iterator[Any]:
    """The content with one part left out or replaced, for each part."""
    match content:
        case dict():
            for name, part in content.items():
                yield {other: value for other, value in content.items() if other != name}
                yield from ({**content, name: changed} for changed in _changes(part))
        case list():
            for index, part in enumerate(content):
                yield from ([*content[:index], changed, *content[index + 1 :]] for changed in _changes(part))
    others: tuple[Any, ...] = (None, "", "\x00", -1, 10**30, 1e300, True, [], {})
    yield from (other for other in others if other != content)
