"""Environments from Python: load, check, open and rotate them. The command line and the operator use this, too.

    store = FolderStore("/srv/environments")
    result = api.check("apps/aws", store)
    for diagnostic in result.diagnostics:
        print(diagnostic.text)

A mistake in a definition is a diagnostic of the result, never an exception. A failure of the outside world, for a
provider or an import, is one as well, with the answer in `diagnostic.cause`. Only a root environment that cannot be
read raises. Values redact themselves; only `Value.reveal` returns their contents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from esc_operator.driver.immediate import Immediate
from esc_operator.driver.loading import Loader, parse
from esc_operator.driver.loops import run, run_async
from esc_operator.errors import StoreError
from esc_operator.evaluation import Evaluator, Failed, FindRotator, LoadEnvironment, Mode, Value
from esc_operator.evaluation.context import Principal
from esc_operator.formats import spelling
from esc_operator.lang.budget import FINDING, Budget
from esc_operator.lang.diagnostics import in_order
from esc_operator.stores.references import project_of, qualify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.driver.admission import Admission
    from esc_operator.driver.catalogue import Catalogue
    from esc_operator.driver.loops import Perform
    from esc_operator.driver.opener import Opener
    from esc_operator.driver.rotator_states import RotatorStates
    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.sources import Sources
    from esc_operator.driver.trust import Trust
    from esc_operator.driver.worker import Worker
    from esc_operator.evaluation import Answer, Effect, Evaluation, Lease, Loaded, OpenRecord, Rotation
    from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
    from esc_operator.providers.port import Identity
    from esc_operator.stores import port

T = TypeVar("T")

NOBODY = Principal()

__all__ = ["Result", "check", "check_environment", "load", "open", "open_environment", "rotate"]


class Result(NamedTuple):
    """What an environment evaluates to.

    `value` is an object, as far as it could be evaluated. `diagnostics` are in display order, those of imports among
    them. `opens` are the providers that were opened, each with the lease of its outputs, if they expire; `imports` are
    the full names of all environments that took part; `rotations` are the results of each rotator, after `rotate`. In a
    check (`mode`), `has_rotators` says whether there are any.
    """

    name: str
    value: Value
    diagnostics: Diagnostics = ()
    opens: tuple[OpenRecord, ...] = ()
    imports: tuple[str, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    mode: Mode = Mode.OPEN
    has_rotators: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is no error; otherwise the value must not be used."""
        return not self.errors

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.is_error)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings among the diagnostics, and what is not exported although it seems to be meant."""
        from esc_operator.projection.leftovers import find_leftovers

        found = tuple(diagnostic for diagnostic in self.diagnostics if not diagnostic.is_error)
        return (*found, *find_leftovers(self.value, opened=self.mode is not Mode.CHECK)) if self.ok else found

    @property
    def lease(self) -> Lease | None:
        """The lease that ends first; None if nothing expires."""
        leases = [record.lease for record in self.opens if record.lease is not None]
        return min(leases, key=lambda lease: lease.expires_at, default=None)

    @property
    def expires_at(self) -> datetime | None:
        """When the value expires; None if it never does."""
        return self.lease.expires_at if self.lease else None


def load(name: str, store: port.Store) -> Loaded:
    """Read and parse a definition: `environment`, None if the text cannot be parsed, and `diagnostics`.

    Raises StoreError.
    """
    return parse(_succeeded(store.load(name, "")), Budget())


def check(name: str, store: port.Store, *, catalogue: Catalogue | None = None, principal: Principal = NOBODY) -> Result:
    """Evaluate without opening or decrypting anything: the outputs of providers are unknown. Raises StoreError."""
    root = _succeeded(store.load(name, ""))
    return _evaluate(root, _immediate(store, catalogue), Mode.CHECK, _never_wait, principal)


def open(  # noqa: A001, PLR0913 - the language's word, and used as `api.open`; each is an option of its own
    name: str,
    store: port.Store,
    *,
    identity: Callable[[], Identity],
    settings: Mapping[str, str],
    catalogue: Catalogue | None = None,
    states: RotatorStates | None = None,
    principal: Principal = NOBODY,
    sources: Callable[[Opener], Sources] | None = None,
) -> Result:
    """Evaluate, and open all providers, in a process without an event loop.

    `identity` is requested, and asyncio imported, only if something has to be opened. `settings` are the environment
    variables as providers see them, `states` the states of rotators that are stored outside of definitions, `principal`
    is who opens it. `sources` opens environments that a service holds, through the opener that it is given. Raises
    StoreError, and what `identity` raises.
    """
    root = _succeeded(store.load(name, ""))
    immediate = _immediate(store, catalogue)

    def wait() -> Perform:
        return _performer(root, immediate.catalogue, identity(), settings, states, sources)

    return _evaluate(root, immediate, Mode.OPEN, wait, principal)


def rotate(  # noqa: PLR0913 - as `open`, and what to rotate
    name: str,
    store: port.Store,
    *,
    identity: Callable[[], Identity],
    settings: Mapping[str, str],
    paths: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    principal: Principal = NOBODY,
) -> Result:
    """Rotate the secrets of an environment's own rotators, all or those at `paths` (`database.password`), then open it.

    `rotations` of the result has the outcome of each, with the new state that has to be written back into the
    definition (`editing.patch_text`): until then, the next `open` uses the old state. Imports are not rotated. Raises
    StoreError, and what `identity` raises.
    """
    root = _succeeded(store.load(name, ""))
    immediate = _immediate(store, catalogue)

    def wait() -> Perform:
        return _performer(root, immediate.catalogue, identity(), settings)

    return _evaluate(root, immediate, Mode.ROTATE, wait, principal, paths)


async def open_environment(  # noqa: PLR0913, PLR0917 - what an evaluation stands on
    root: port.StoredDefinition,
    store: port.AsyncStore,
    opener: Opener,
    identity: Identity,
    demand: Demand | None = None,
    states: RotatorStates | None = None,
    admission: Admission | None = None,
    worker: Worker | None = None,
    principal: Principal = NOBODY,
    sources: Sources | None = None,
) -> Result:
    """Evaluate a definition that has been read, in an event loop that it shares with others. Raises nothing.

    `store` has its imports, `opener` opens for all evaluations of the process, `demand` says how old credentials may
    be. `states` stores the states of rotators, and says whether the environment's own have to rotate; `admission` says
    which logins are allowed; `worker` runs it, and is released while it waits; `principal` is who opens it. Definitions
    of other places open providers only if `root.trusted` names them, or is None. `sources` opens environments that a
    service holds.
    """
    from esc_operator.driver.performer import Performer
    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.slices import Slices

    budget = Budget()
    with Slices(budget, opener.large_work, identity.tenant) as slices:
        loader = Loader(budget, slices)
        performer = Performer(
            opener, identity, demand or Demand(), store, states, admission, _trust(root), loader, sources
        )
        immediate = Immediate(catalogue=opener.catalogue)
        loaded = await slices.run(lambda: parse(root, budget), worker)
        mode = Mode.ROTATE if states and states.rotates else Mode.OPEN
        evaluator = _evaluator(root.name, loaded, mode, budget, principal)
        evaluation = await run_async(evaluator, immediate.perform, performer.perform, worker, slices)
        told = FINDING * (len(loaded.diagnostics) + len(evaluation.diagnostics))
        return await opener.large_work.run(lambda: _result(root.name, loaded, evaluation), told, identity.tenant)


async def check_environment(  # noqa: PLR0913, PLR0917 - as `open_environment`
    root: port.StoredDefinition,
    store: port.AsyncStore,
    opener: Opener,
    tenant: str = "",
    worker: Worker | None = None,
    principal: Principal = NOBODY,
) -> Result:
    """As `check`, for a definition that has been read, in an event loop that it shares with others. Raises nothing.

    `store` has its imports; arguments as in `open_environment`.
    """
    from esc_operator.driver.slices import Slices

    budget = Budget()
    with Slices(budget, opener.large_work, tenant) as slices:
        loader = Loader(budget, slices)

        async def perform(effect: Effect) -> Answer:
            if isinstance(effect, LoadEnvironment):
                return await loader.load_async(store, effect.name, effect.importer)
            return Failed("nothing is opened here")

        immediate, rotators = Immediate(catalogue=opener.catalogue), set[str]()

        def perform_now(effect: Effect) -> Answer | None:
            if isinstance(effect, FindRotator):
                rotators.add(effect.name)
            return immediate.perform(effect)

        loaded = await slices.run(lambda: parse(root, budget), worker)
        evaluator = _evaluator(root.name, loaded, Mode.CHECK, budget, principal)
        evaluation = await run_async(evaluator, perform_now, perform, worker, slices)
        told = FINDING * (len(loaded.diagnostics) + len(evaluation.diagnostics))
        result = await opener.large_work.run(lambda: _result(root.name, loaded, evaluation, Mode.CHECK), told, tenant)
        return result._replace(has_rotators=bool(rotators))


def _evaluate(  # noqa: PLR0913, PLR0917 - what an evaluation stands on
    root: port.StoredDefinition,
    immediate: Immediate,
    mode: Mode,
    wait: Callable[[], Perform],
    principal: Principal,
    paths: Sequence[str] = (),
) -> Result:
    budget = immediate.budget
    loaded = parse(root, budget)
    evaluation = run(_evaluator(root.name, loaded, mode, budget, principal, paths), immediate.perform, wait)
    return _result(root.name, loaded, evaluation, mode)


def _evaluator(  # noqa: PLR0913, PLR0917 - what an evaluation stands on
    name: str, loaded: Loaded, mode: Mode, budget: Budget, principal: Principal, paths: Sequence[str] = ()
) -> Evaluator:
    # A definition with errors is only checked: nothing is minted for a result that cannot be used.
    broken = any(diagnostic.is_error for diagnostic in loaded.diagnostics)
    mode = Mode.CHECK if broken else mode
    return Evaluator(
        loaded.environment,
        name=name,
        mode=mode,
        context=principal.context,
        rotate_paths=paths,
        budget=budget,
        qualify=qualify,
        place_of=project_of,
    )


def _result(name: str, loaded: Loaded, evaluation: Evaluation, mode: Mode = Mode.OPEN) -> Result:
    return Result(
        name,
        Value({}, None) if evaluation.value is None else evaluation.value,
        in_order((*loaded.diagnostics, *evaluation.diagnostics)),
        evaluation.opens,
        evaluation.imports,
        evaluation.rotations,
        mode,
    )


def _succeeded(answer: T | Failed) -> T:
    if isinstance(answer, Failed):
        hint = spelling.hint(answer.wanted, answer.known)
        raise StoreError(f"{answer.message}{hint}", reason=answer.reason, retry_after=answer.retry_after)
    return answer


def _immediate(store: port.Store, catalogue: Catalogue | None) -> Immediate:
    return Immediate(store, catalogue)


def _trust(root: port.StoredDefinition) -> Trust | None:
    """Whose definitions may open providers for it; None if its store has no such limit."""
    if root.trusted is None:
        return None
    from esc_operator.driver.trust import Trust

    return Trust(root.name, root.trusted)


def _performer(  # noqa: PLR0913, PLR0917 - what an evaluation stands on
    root: port.StoredDefinition,
    catalogue: Catalogue,
    identity: Identity,
    settings: Mapping[str, str],
    states: RotatorStates | None = None,
    sources: Callable[[Opener], Sources] | None = None,
) -> Perform:
    from datetime import UTC, datetime

    from esc_operator.driver.opener import PROMPT_REPEATS, Opener
    from esc_operator.driver.performer import Performer
    from esc_operator.driver.pool import BlockingPool
    from esc_operator.driver.sharing import SharedLogins

    def now() -> datetime:
        return datetime.now(UTC)

    opener = Opener(
        pool=BlockingPool(),
        logins=SharedLogins(now),
        settings=settings,
        now=now,
        catalogue=catalogue,
        repeats=PROMPT_REPEATS,
    )
    opened_by = sources(opener) if sources else None
    return Performer(opener, identity, states=states, trust=_trust(root), sources=opened_by).perform


def _never_wait() -> Perform:
    raise AssertionError("a check never opens anything")
