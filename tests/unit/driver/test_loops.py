"""Whole evaluations: what is had at once, what waits, what is concurrent, and what failures become."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.immediate import Immediate
from esc_operator.driver.loading import Loader
from esc_operator.driver.loops import run, run_async
from esc_operator.driver.opener import Opener
from esc_operator.driver.performer import Performer
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import ANY_AGE, Demand, SharedLogins
from esc_operator.errors import ConfigurationError, ForbiddenError, ProviderError
from esc_operator.evaluation import Decrypted, Evaluation, Evaluator, Lease, Mode, Opened, Rotated
from esc_operator.lang import Limits, parse_text
from esc_operator.stores.port import Failed, StoredDefinition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.providers.port import OpenContext

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LEASE = Lease(NOW, NOW + timedelta(hours=1))


@dataclass
class Texts:
    """A store of texts, and a list of what was asked of it."""

    texts: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        self.asked.append((name, importer))
        if name == "forbidden":
            raise ForbiddenError("you may not read it")
        return (
            StoredDefinition(name, self.texts[name])
            if name in self.texts
            else Failed(f'environment "{name}" not found', "ImportNotFound")
        )


@dataclass
class Remote:
    """The same behind a network; a name in `gates` waits."""

    kept: Texts
    gates: Mapping[str, asyncio.Event] = field(default_factory=dict)

    async def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        if name in self.gates:
            await self.gates[name].wait()
        return self.kept.load(name, importer)


class Login:
    """A provider (and rotator) that answers with its inputs, once `act` lets it."""

    name = "login"
    inputs: Mapping[str, Any] = {"type": "object", "required": ["as"]}
    state: Mapping[str, Any] = {"type": "object"}
    outputs: Mapping[str, Any] = {"type": "object"}

    def __init__(self, act: Callable[[Mapping[str, Any]], Any] = lambda _: None) -> None:
        self._act = act
        self.opened: list[Any] = []

    async def open(self, inputs: Mapping[str, Any], *_: Any) -> Opened:
        self.opened.append(inputs["as"])
        waits = self._act(inputs)
        if asyncio.iscoroutine(waits):
            await waits
        return Opened({"token": f"token-of-{inputs['as']}"}, LEASE)

    async def rotate(self, inputs: Mapping[str, Any], state: Any, context: OpenContext) -> Rotated:
        return Rotated({"generation": (state or {"generation": 0})["generation"] + 1})


class Plugins:
    def __init__(self, **plugins: Any) -> None:
        self._plugins = plugins

    def names(self) -> tuple[str, ...]:
        return ()

    def find(self, name: str) -> Any:
        if name not in self._plugins:
            raise ProviderError(f'unknown provider "{name}"', reason="UnknownProvider")
        return self._plugins[name]


class Caller:
    subject = "system:serviceaccount:apps:web"
    tenant = "apps"

    async def token(self, audience: str) -> Any:
        raise NotImplementedError


def catalogue(**plugins: Any) -> Catalogue:
    registry: Any = Plugins(**plugins)
    return Catalogue(registry, registry)


def performer(shelf: Catalogue, store: Remote | None = None, demand: Demand = ANY_AGE) -> Performer:
    opener = Opener(
        pool=BlockingPool(),
        logins=SharedLogins(lambda: NOW),
        settings={},
        now=lambda: NOW,
        catalogue=shelf,
        timeout=timedelta(seconds=5),
    )
    return Performer(opener, Caller(), demand, store)


def evaluator(text: str, mode: Mode = Mode.OPEN) -> Evaluator:
    environment, problems = parse_text("apps/web", text)
    assert not problems
    return Evaluator(environment, name="apps/web", mode=mode)


def never() -> Any:
    raise AssertionError("nothing should have to wait")


def evaluate(text: str, texts: Texts | None = None, provider: Any = None, mode: Mode = Mode.OPEN) -> Evaluation:
    shelf = catalogue(login=provider or Login())
    immediate = Immediate(texts or Texts(), shelf)
    return run(evaluator(text, mode), immediate.perform, lambda: performer(shelf).perform)


def plain(evaluation: Evaluation) -> Any:
    assert not evaluation.diagnostics
    assert evaluation.value is not None
    return evaluation.value.reveal()


def problems(evaluation: Evaluation) -> list[tuple[str, str]]:
    return [(found.summary, found.reason) for found in evaluation.diagnostics]


def test_a_static_environment_with_imports_never_waits() -> None:
    texts = Texts({"base": "imports: [deep]\nvalues: {a: 1}", "deep": "values: {d: 3}"})
    evaluation = run(evaluator("imports: [base]\nvalues: {b: 2}"), Immediate(texts, catalogue()).perform, never)
    assert plain(evaluation) == {"a": 1, "b": 2, "d": 3}
    assert texts.asked == [("base", "apps/web"), ("deep", "base")]


def test_a_check_never_waits() -> None:
    immediate = Immediate(Texts(), catalogue(login=Login()))
    evaluation = run(evaluator("values: {a: {fn::open::login: {as: x}}}", Mode.CHECK), immediate.perform, never)
    assert not evaluation.diagnostics


def test_the_first_open_falls_over_to_an_event_loop() -> None:
    texts = Texts({"base": "values: {who: me}"})
    evaluation = evaluate("imports: [base]\nvalues: {login: {fn::open::login: {as: '${who}'}}}", texts)
    assert plain(evaluation) == {"who": "me", "login": {"token": "token-of-me"}}
    assert [record.lease for record in evaluation.opens] == [LEASE]
    assert texts.asked == [("base", "apps/web")]


def test_opens_that_need_each_other_follow_each_other() -> None:
    text = "values: {a: {fn::open::login: {as: x}}, b: {fn::open::login: {as: '${a.token}'}}}"
    assert plain(evaluate(text))["b"] == {"token": "token-of-token-of-x"}


def test_independent_opens_are_under_way_together() -> None:
    async def scenario() -> Any:
        both = asyncio.Barrier(3)
        shelf = catalogue(login=Login(lambda _: both.wait()))
        opens = ", ".join(f"{name}: {{fn::open::login: {{as: {name}}}}}" for name in "abc")
        root = evaluator(f"values: {{{opens}}}")
        async with asyncio.timeout(5):
            return await run_async(root, Immediate(Texts(), shelf).perform, performer(shelf).perform)

    assert set(plain(asyncio.run(scenario()))) == {"a", "b", "c"}


def test_a_slow_import_does_not_hold_up_a_login_that_does_not_need_it() -> None:
    async def scenario() -> Any:
        opened = asyncio.Event()
        shelf = catalogue(login=Login(lambda _: opened.set()))
        texts = Texts({"quick": "values: {login: {fn::open::login: {as: x}}}", "slow": "values: {s: 1}"})
        remote = Remote(texts, {"slow": opened})
        root = evaluator("imports: [slow, quick]")
        async with asyncio.timeout(5):
            return await run_async(root, Immediate(None, shelf).perform, performer(shelf, remote).perform)

    assert plain(asyncio.run(scenario())) == {"login": {"token": "token-of-x"}, "s": 1}


def test_many_effects_take_few_steps() -> None:
    steps: list[int] = []

    class Counted(Evaluator):
        def step(self, answers: Any = None) -> Any:
            steps.append(1)
            return super().step(answers)

    async def scenario() -> Any:
        shelf = catalogue(login=Login(lambda inputs: asyncio.sleep(inputs["as"] / 10_000)))
        values = "\n".join(f"  k{number}: {{fn::open::login: {{as: {number}}}}}" for number in range(200))
        environment, _ = parse_text("many", f"values:\n{values}")
        root = Counted(environment, name="many", mode=Mode.OPEN, limits=Limits(opens=200))
        return await run_async(root, Immediate(Texts(), shelf).perform, performer(shelf).perform)

    assert len(plain(asyncio.run(scenario()))) == 200
    assert len(steps) < 40


def test_cancelling_an_evaluation_cancels_what_is_under_way() -> None:
    async def scenario() -> list[str]:
        ended: list[str] = []
        started = asyncio.Event()

        async def hang() -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("ended")

        shelf = catalogue(login=Login(lambda _: hang()))
        root = evaluator("values: {a: {fn::open::login: {as: x}}}")
        task = asyncio.create_task(run_async(root, Immediate(Texts(), shelf).perform, performer(shelf).perform))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        return ended

    assert asyncio.run(scenario()) == ["ended"]


def test_the_demand_reaches_the_shared_logins() -> None:
    async def scenario() -> list[Any]:
        login = Login()
        shelf = catalogue(login=login)
        shared = performer(shelf)
        for demand in (ANY_AGE, ANY_AGE, Demand(valid_until=LEASE.expires_at)):
            one = Performer(shared.opener, Caller(), demand)
            root = evaluator("values: {a: {fn::open::login: {as: x}}}")
            await run_async(root, Immediate(Texts(), shelf).perform, one.perform)
        return login.opened

    assert asyncio.run(scenario()) == ["x", "x"]


def test_what_cannot_be_had_is_reported_at_the_place_that_wants_it() -> None:
    def crash(_: Any) -> None:
        raise KeyError("hunter2")

    assert problems(evaluate("imports: [gone]")) == [('environment "gone" not found', "ImportNotFound")]
    assert problems(evaluate("imports: [forbidden]")) == [("you may not read it", "Forbidden")]
    assert problems(evaluate("values: {a: {fn::open::nope: {}}}")) == [('unknown provider "nope"', "UnknownProvider")]
    ((summary, reason),) = problems(evaluate("values: {a: {fn::open::login: {as: x}}}", provider=Login(crash)))
    assert (reason, "hunter2" in summary) == ("ProviderCrashed", False)


def test_a_provider_with_a_bad_schema_is_reported_by_its_name() -> None:
    bad, bare = Login(), Login()
    bad.inputs = {"$ref": "elsewhere"}
    bare.inputs = None  # type: ignore[assignment]
    for plugin in (bad, bare):
        ((summary, reason),) = problems(evaluate("values: {a: {fn::open::login: {as: x}}}", provider=plugin))
        assert 'invalid inputs schema of "login"' in summary
        assert reason == "ProviderNotLoaded"


def test_a_rotator_is_rotated_and_then_opened() -> None:
    text = "values: {a: {fn::rotate::login: {inputs: {as: x}}}}"
    evaluation = evaluate(text, mode=Mode.ROTATE)
    assert plain(evaluation) == {"a": {"token": "token-of-x"}}
    assert [patch.replacement.reveal() for patch in evaluation.patches] == [{"generation": 1}]


def test_secrets_at_rest_need_a_decrypter() -> None:
    class Reverse:
        def decrypt(self, environment: str, ciphertext: bytes) -> Decrypted | Failed:
            return Decrypted(f"{environment} has {len(ciphertext)} bytes")

    # An envelope of version 1 around six bytes.
    sealed = "values: {a: {fn::secret: {ciphertext: ZXNjeAAAAAFoaWRkZW5aPsYt}}}"
    immediate = Immediate(Texts(), catalogue(), Reverse())
    assert plain(run(evaluator(sealed), immediate.perform, never)) == {"a": "apps/web has 6 bytes"}
    ((summary, reason),) = problems(evaluate(sealed))
    assert "no key for the secrets at rest" in summary
    assert reason == "DecryptionUnavailable"


def test_an_effect_that_nobody_carries_out_is_our_mistake() -> None:
    shelf = catalogue()
    with pytest.raises(ConfigurationError, match="LoadEnvironment"):
        asyncio.run(run_async(evaluator("imports: [a]"), Immediate(None, shelf).perform, performer(shelf).perform))


def test_definitions_that_are_data_are_loaded_with_their_place() -> None:
    class Cluster:
        def load(self, name: str, importer: str) -> StoredDefinition | Failed:
            return StoredDefinition(name, definition={"values": {"a": {"fn::nope": 1}}}, path_prefix="spec.environment")

    loaded = Loader().load(Cluster(), "apps/web", "")
    assert not isinstance(loaded, Failed)
    assert loaded.diagnostics[0].path.startswith("spec.environment.")


def test_opening_a_static_environment_from_a_folder_imports_nothing_dear(tmp_path: Any) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "base.yaml").write_text("values: {a: 1}\n")
    script = f"""
import sys
from esc_operator.driver.immediate import Immediate
from esc_operator.driver.loops import run
from esc_operator.evaluation import Evaluator, Mode
from esc_operator.lang import Limits, parse_text
from esc_operator.stores.folder import FolderStore
environment, _ = parse_text("apps/web", "imports: [base]\\nvalues: {{b: 2}}")
root = Evaluator(environment, name="apps/web", mode=Mode.OPEN)
evaluation = run(root, Immediate(FolderStore({str(tmp_path)!r})).perform, lambda: 1/0)
dear = {{"asyncio", "boto3", "botocore", "kubernetes", "kopf", "importlib.metadata", "logging", "concurrent.futures"}}
print(evaluation.value.reveal(), evaluation.ok, sorted(dear & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'a': 1, 'b': 2} True []"
