from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator import api
from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.errors import IdentityError, StoreError
from esc_operator.evaluation import Lease, Opened, OpenRecord, Rotated, Value
from esc_operator.evaluation.context import Principal
from esc_operator.providers.port import IdentityToken
from esc_operator.providers.registry import Registry
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from esc_operator.providers.port import Identity, OpenContext

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Shelf:
    """A store of texts by full name; the async one, too."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        name = name.removeprefix("default/")
        text = self.texts.get(name)
        if text is None:
            return Failed(f'environment "{name}" not found, imported by "{importer}"', "ImportNotFound")
        return StoredDefinition(f"default/{name}", text=text)


class AsyncShelf(Shelf):
    async def load(self, name: str, importer: str) -> StoredDefinition | Failed:  # type: ignore[override]
        return Shelf.load(self, name, importer)


class Someone:
    subject = "someone"
    tenant = ""

    async def token(self, audience: str) -> IdentityToken:
        return IdentityToken(f"for {audience}", None)


class Lender:
    """A provider whose values live for as many minutes as it is asked for."""

    name = "lend"
    inputs: Mapping[str, Any] = {"type": "object", "properties": {"minutes": {"type": "number"}}}
    outputs: Mapping[str, Any] = {"type": "object", "properties": {"key": {"type": "string"}}}

    def __init__(self) -> None:
        self.opened = 0

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        self.opened += 1
        await context.identity.token("lender")
        return Opened({"key": "hunter2"}, Lease(NOON, NOON + timedelta(minutes=inputs["minutes"])))


class Counter:
    """A rotator whose secret is a number, one higher each time."""

    name = "count"
    inputs: Mapping[str, Any] = {"type": "object"}
    state: Mapping[str, Any] = {"type": "object", "properties": {"n": {"type": "number"}}}
    outputs: Mapping[str, Any] = {"type": "object", "properties": {"n": {"type": "number"}}}

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        return Opened(state)

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        return Rotated({"n": int((state or {"n": 0})["n"]) + 1})


class Entry:
    """An installed plug-in."""

    value = "tests:lend"
    dist = None

    def __init__(self, provider: Lender | Counter) -> None:
        self._provider = provider
        self.name = provider.name

    def load(self) -> Lender | Counter:
        return self._provider


@pytest.fixture
def lender() -> Lender:
    return Lender()


@pytest.fixture
def catalogue(lender: Lender) -> Catalogue:
    def discover(_: str) -> Iterable[Any]:
        return [Entry(lender)]

    return Catalogue(providers=Registry("group", "provider", "UnknownProvider", discover))


LOGIN = "values: {short: {fn::open::lend: {minutes: 5}}, long: {fn::open::lend: {minutes: 60}}}"


def nobody() -> Identity:
    raise IdentityError("nobody is there")


PRINCIPAL = "principal: 'Principal' = Principal(user='', organization='default')"


def test_the_facade_is_this() -> None:
    assert {name: str(inspect.signature(getattr(api, name))) for name in api.__all__ if name.islower()} == {
        "check": (
            f"(name: 'str', store: 'port.Store', *, catalogue: 'Catalogue | None' = None, {PRINCIPAL}) -> 'Result'"
        ),
        "check_environment": (
            "(root: 'port.StoredDefinition', store: 'port.AsyncStore', opener: 'Opener', tenant: 'str' = '', "
            f"worker: 'Worker | None' = None, {PRINCIPAL}) -> 'Result'"
        ),
        "load": "(name: 'str', store: 'port.Store') -> 'Loaded'",
        "open": (
            "(name: 'str', store: 'port.Store', *, identity: 'Callable[[], Identity]', settings: 'Mapping[str, str]', "
            "catalogue: 'Catalogue | None' = None, states: 'RotatorStates | None' = None, "
            f"{PRINCIPAL}, sources: 'Callable[[Opener], Sources] | None' = None) -> 'Result'"
        ),
        "open_environment": (
            "(root: 'port.StoredDefinition', store: 'port.AsyncStore', opener: 'Opener', identity: 'Identity', "
            "demand: 'Demand | None' = None, states: 'RotatorStates | None' = None, "
            f"admission: 'Admission | None' = None, worker: 'Worker | None' = None, {PRINCIPAL}, "
            "sources: 'Sources | None' = None) -> 'Result'"
        ),
        "rotate": (
            "(name: 'str', store: 'port.Store', *, identity: 'Callable[[], Identity]', settings: 'Mapping[str, str]', "
            f"paths: 'Sequence[str]' = (), catalogue: 'Catalogue | None' = None, {PRINCIPAL}) -> 'Result'"
        ),
    }
    fields = ("name", "value", "diagnostics", "opens", "imports", "rotations", "mode", "has_rotators")
    assert api.Result._fields == fields
    assert {"ok", "errors", "warnings", "lease", "expires_at"} <= set(dir(api.Result))


def test_a_static_environment_needs_nobody() -> None:
    result = api.open(
        "web", Shelf(web="imports: [base]\nvalues: {a: '${b}'}", base="values: {b: 1}"), identity=nobody, settings={}
    )
    assert result.ok
    assert (result.name, result.value.reveal(), result.imports) == ("default/web", {"a": 1, "b": 1}, ("default/base",))
    assert (result.lease, result.expires_at) == (None, None)


def test_the_context_says_who_opens_it_and_where() -> None:
    text = "imports: [base]\nvalues: {who: '${context.pulumi.user.login}', base: '${at}'}"
    store = Shelf(web=text, base="values: {at: '${context.pulumi.organization.login}'}")
    principal = Principal("jane", "lab")
    opened = api.open("web", store, identity=nobody, settings={}, principal=principal)
    checked = api.check("web", store, principal=principal)
    for result in (opened, checked):
        assert result.diagnostics == ()
        assert result.value.reveal() == {"at": "lab", "who": "jane", "base": "lab"}


def test_an_empty_environment_is_an_empty_object() -> None:
    assert api.open("web", Shelf(web=""), identity=nobody, settings={}).value.reveal() == {}


def test_opening_tells_the_earliest_expiry(catalogue: Catalogue) -> None:
    result = api.open("web", Shelf(web=LOGIN), identity=Someone, settings={}, catalogue=catalogue)
    assert result.ok
    assert result.expires_at == NOON + timedelta(minutes=5)
    assert {record.path for record in result.opens} == {"values.short", "values.long"}
    assert "hunter2" not in repr(result)


def test_who_opens_is_asked_only_where_something_is_opened(catalogue: Catalogue) -> None:
    with pytest.raises(IdentityError):
        api.open("web", Shelf(web=LOGIN), identity=nobody, settings={}, catalogue=catalogue)


def test_a_check_opens_nothing(catalogue: Catalogue, lender: Lender) -> None:
    result = api.check("web", Shelf(web=LOGIN), catalogue=catalogue)
    assert (result.ok, lender.opened) == (True, 0)
    assert result.value.contains_unknowns


def test_a_definition_that_cannot_be_read_to_its_end_opens_nothing(catalogue: Catalogue, lender: Lender) -> None:
    result = api.open("web", Shelf(web=LOGIN + "\nimports: 5"), identity=Someone, settings={}, catalogue=catalogue)
    assert (result.ok, lender.opened) == (False, 0)
    assert [diagnostic.summary for diagnostic in result.errors] == ["imports must be a list"]


def test_text_that_is_no_yaml_is_a_diagnostic() -> None:
    store = Shelf(web="a: [")
    assert api.load("web", store).environment is None
    (problem,) = api.check("web", store).diagnostics
    assert problem.reason == "InvalidYAML"


def test_an_import_that_is_not_there_is_a_diagnostic_and_a_root_an_error() -> None:
    (problem,) = api.check("web", Shelf(web="imports: [base]")).diagnostics
    assert problem.summary == 'environment "base" not found, imported by "default/web"'
    assert problem.range
    for function in (api.load, api.check):
        with pytest.raises(StoreError, match='environment "web" not found') as caught:
            function("web", Shelf())
        assert caught.value.reason == "ImportNotFound"


def test_rotators_are_rotated_all_or_those_that_are_named_and_their_new_states_are_reported() -> None:
    def discover(_: str) -> Iterable[Any]:
        return [Entry(Counter())]

    catalogue = Catalogue(rotators=Registry("group", "rotator", "UnknownRotator", discover))
    call = "{fn::rotate::count: {inputs: {}, state: {n: 7}}}"
    store = Shelf(web=f"values: {{a: {call}, b: {call}}}")

    def rotate(*paths: str) -> api.Result:
        return api.rotate("web", store, identity=Someone, settings={}, paths=paths, catalogue=catalogue)

    assert rotate().value.reveal() == {"a": {"n": 8}, "b": {"n": 8}}
    result = rotate("b")
    assert result.value.reveal() == {"a": {"n": 7}, "b": {"n": 8}}
    told = {one.path: str(one.status) for one in result.rotations}
    assert told["values.b"] == "succeeded"
    assert "succeeded" not in [status for path, status in told.items() if path != "values.b"]
    (patch,) = [one.patch for one in result.rotations if one.patch]
    assert patch.path == 'values.b["fn::rotate::count"].state'


def test_an_environment_is_opened_within_an_event_loop(catalogue: Catalogue) -> None:
    async def scenario() -> api.Result:
        opener = Opener(
            pool=BlockingPool(), logins=SharedLogins(lambda: NOON), settings={}, now=lambda: NOON, catalogue=catalogue
        )
        root = StoredDefinition("default/web", text=LOGIN + "\nimports: [base]")
        return await api.open_environment(root, AsyncShelf(base="values: {b: 1}"), opener, Someone())

    result = asyncio.run(scenario())
    assert result.ok
    assert result.value.reveal() == {"b": 1, "long": {"key": "hunter2"}, "short": {"key": "hunter2"}}
    assert result.imports == ("default/base",)


def test_a_result_with_an_error_is_not_ok() -> None:
    lease = Lease(NOON, NOON + timedelta(hours=1))
    record = OpenRecord("values.a", "web", "lend", lease)
    result = api.Result("web", Value({}, None), opens=(record, record._replace(lease=None)))
    assert (result.ok, result.errors, result.lease) == (True, (), lease)
