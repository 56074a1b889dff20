"""What holds for every operation: its request, damaged answers, failures, cancellation, and what is never shown."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.stores.pulumi import EnvironmentName, PulumiCloud
from unit.stores.pulumi.operations import OPERATIONS, Operation
from unit.stores.pulumi.service import TOKEN, FakeService, fails, replies, run

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator


every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
BAD = EnvironmentName("..", "shop", "prod")


def methods() -> set[str]:
    """The public coroutines of the client and of its parts."""
    cloud = FakeService(replies()).cloud()
    parts = {name: part for name, part in vars(cloud).items() if not name.startswith("_")}
    found = {name for name in vars(PulumiCloud) if not name.startswith("_")}
    return found | {f"{part}.{name}" for part in parts for name in vars(type(parts[part])) if not name.startswith("_")}


def test_every_operation_is_tried() -> None:
    class Recorder:
        """Notes the names that an operation uses."""

        def __init__(self, used: set[str], prefix: str = "") -> None:
            self._used, self._prefix = used, prefix

        def __getattr__(self, name: str) -> Any:
            self._used.add(self._prefix + name)
            return Recorder(self._used, f"{name}.")

        def __call__(self, *_: Any, **__: Any) -> None:
            return None

    used: set[str] = set()
    recorder: Any = Recorder(used)
    for operation in OPERATIONS.values():
        called: Any = operation.call(recorder)
        assert called is None
    assert methods() <= used


@every_operation
def test_it_is_one_request_with_this_path_and_body(operation: Operation) -> None:
    service = FakeService(operation.answer)
    run(operation.call(service.cloud()))
    assert service.lines == [operation.line]
    (asked,) = service.asked
    if isinstance(operation.body, dict):
        assert json.loads(asked.body or b"") == operation.body
    else:
        assert asked.body == operation.body
    is_text = isinstance(operation.body, bytes) and operation.body
    assert asked.headers["Content-Type"] == ("application/x-yaml" if is_text else "application/json")
    assert asked.headers["Authorization"] == f"token {TOKEN}"


WRONG: tuple[Any, ...] = (None, 7, "", "hunter2", [], {}, [7], True, 1.5, -1, 10**30)


def damages(data: Any) -> Iterator[Any]:
    """The same data with one part left out, or of another type."""
    if isinstance(data, dict):
        for key, inner in data.items():
            rest = {other: each for other, each in data.items() if other != key}
            yield rest
            yield from (rest | {key: wrong} for wrong in WRONG)
            for damaged in damages(inner):
                yield rest | {key: damaged}
    elif isinstance(data, list):
        yield from ([*data, 7], {}, None)
        for index, inner in enumerate(data):
            for damaged in damages(inner):
                yield [*data[:index], damaged, *data[index + 1 :]]


async def failure_of(call: Coroutine[Any, Any, Any]) -> ProviderError | None:
    try:
        await call
    except ProviderError as error:
        return error
    return None


@every_operation
def test_a_damaged_answer_is_a_failure_that_names_a_field_and_quotes_nothing(operation: Operation) -> None:
    async def story() -> None:
        for damaged in (None, 7, "hunter2", [], {}, *damages(json.loads(operation.answer.body))):
            answer = operation.answer._replace(body=json.dumps(damaged).encode())
            failure = await failure_of(operation.call(FakeService(answer, replies(200, [])).cloud()))
            assert failure is None or (failure.reason, "hunter2" in failure.message) == ("MalformedAnswer", False)

    if operation.answer.body.startswith((b"{", b"[")):
        run(story())


@given(st.binary(max_size=50) | st.text(max_size=50).map(str.encode), st.sampled_from(sorted(OPERATIONS)))
def test_bytes_of_any_kind_are_a_result_or_a_failure(body: bytes, name: str) -> None:
    operation = OPERATIONS[name]
    with contextlib.suppress(ProviderError):
        run(operation.call(FakeService(operation.answer._replace(body=body), replies(200, [])).cloud(patience=0)))


@every_operation
def test_each_status_is_a_failure_that_says_what_was_asked(operation: Operation) -> None:
    async def story() -> None:
        for status in (302, 400, 401, 403, 404, 409, 413, 429, 500, 503):
            service = FakeService(replies(status, {"code": status, "message": f"no {TOKEN}"}))
            failure = await failure_of(operation.call(service.cloud(patience=0)))
            if operation is OPERATIONS["default organization"] and status == 404:
                assert failure is None
                continue
            assert failure is not None
            assert failure.reason not in {"ProviderFailed", ""}
            assert failure.message.isprintable()
            assert f"({status})" in failure.message
            assert TOKEN not in failure.message

    run(story())


@every_operation
def test_no_secret_shows_in_what_is_answered(operation: Operation) -> None:
    result = run(operation.call(FakeService(operation.answer).cloud()))
    assert "hunter2" not in repr(result)
    assert "hunter2" not in str(result)


@every_operation
def test_who_cancels_leaves_nothing_behind(operation: Operation) -> None:
    async def story() -> None:
        service = FakeService(operation.answer, is_silent=True)
        task = asyncio.create_task(operation.call(service.cloud()))
        await asyncio.sleep(0)
        assert service.asked
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert len(asyncio.all_tasks()) == 1

    run(story())


NAMES = ("..", ".", "a/b", "a%2f", "a\\b", "", "a\nb", "a?b", "a#b")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_changes_the_path(name: str) -> None:
    service = FakeService(replies(200, {}))
    cloud = service.cloud()
    good = EnvironmentName("acme", "shop", "prod")
    calls = [
        cloud.list(name or ".."),
        cloud.create(good._replace(name=name)),
        cloud.read(good, name or ".."),
        cloud.update(good._replace(project=name), ""),
        cloud.delete(good._replace(organization=name)),
        cloud.clone(good, name, "copy"),
        cloud.clone(good, "shop", name),
        cloud.check(good, name or ".."),
        cloud.check_text(name, ""),
        cloud.open_text(name, ""),
        cloud.rotate(good._replace(name=name)),
        cloud.revisions.retract(good, name),
        cloud.revision_tags.read(good, name),
        cloud.revision_tags.create(good, name, 1),
        cloud.tags.delete(good, name),
        cloud.schedules.read(good, name),
        cloud.webhooks.ping(good, name),
    ]
    for call in calls:
        assert fails(call).reason == "InvalidName"
    assert service.asked == []
