"""Every case, on load, check, open and rotate: values, diagnostics and ranges."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.cases import Case, NumberLiteral, cases_folder, read_cases
from conformance.doubles import World
from esc_operator.evaluation import Batch, Evaluation, Evaluator, Mode
from esc_operator.evaluation.rendering import to_json
from esc_operator.lang import parse_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from esc_operator.evaluation import Answer, Effect
    from esc_operator.lang import Diagnostic

CONTEXT = {"pulumi": {"user": {"id": "USER_123"}}}
MODES = {
    Mode.CHECK: ("checkDiags", {"checkJson": True}),
    Mode.OPEN: ("evalDiags", {"evalJsonRedacted": True, "evalJSONRevealed": False}),
    Mode.ROTATE: ("rotateDiags", {"rotateJson": True}),
}


@pytest.mark.parametrize("case", read_cases() or [None], ids=lambda case: case.name if case else "none")
def test_the_case_holds(case: Case | None) -> None:
    if case is None:
        assert cases_folder() is None, f"no cases in {cases_folder()}"
        pytest.skip("no cases: ESC_CONFORMANCE is not set, and there is no ../shared/conformance beside the repository")
    _hold(case, lambda world, effects: {effect.id: world.answer(effect) for effect in effects})


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_the_case_holds_too_when_effects_are_answered_one_by_one_and_the_last_first(case: Case) -> None:
    _hold(case, lambda world, effects: {effects[-1].id: world.answer(effects[-1])})


def _hold(case: Case, perform: Callable[[World, Sequence[Effect]], Mapping[int, Answer]]) -> None:
    environment, diagnostics = parse_text(case.root_name, (case.folder / "env.yaml").read_bytes())
    if case.name == "unterminated-array":  # the YAML library's own words differ
        (found,) = diagnostics
        assert (found.severity, found.path, found.range) == ("error", "", None)
        assert found.summary.startswith("yaml:")
        return
    assert _shown(diagnostics) == _expected(case, "loadDiags")
    for mode, (diagnostics_key, renderings) in MODES.items():
        if mode == Mode.ROTATE and not case.overrides.get("rotate"):
            continue
        evaluator = Evaluator(
            environment,
            name=case.root_name,
            mode=mode,
            context=CONTEXT,
            show_secrets=case.overrides.get("showSecrets", False),
            rotate_paths=case.overrides.get("rotatePaths", ()),
        )
        evaluation = _drive(evaluator, World(case.folder), perform)
        assert _shown(evaluation.diagnostics) == _expected(case, diagnostics_key), mode
        for key, redact in renderings.items():
            assert _rendered(evaluation, redact=redact) == case.expected.get(key), key
        if mode == Mode.ROTATE:
            assert _patches(evaluation) == case.expected.get("rotatePatches", [])


def _drive(
    evaluator: Evaluator, world: World, perform: Callable[[World, Sequence[Effect]], Mapping[int, Answer]]
) -> Evaluation:
    result = evaluator.step()
    while isinstance(result, Batch):
        result = evaluator.step(perform(world, result.effects))
    return result


def _rendered(evaluation: Evaluation, *, redact: bool) -> Any:
    return None if evaluation.value is None else _data(to_json(evaluation.value, redact=redact))


def _patches(evaluation: Evaluation) -> list[dict[str, Any]]:
    patches = sorted(evaluation.patches, key=lambda patch: patch.path)
    return [
        {"docPath": patch.path, "replacement": _data(to_json(patch.replacement, redact=False))} for patch in patches
    ]


def _data(text: str) -> Any:
    return json.loads(text, parse_int=NumberLiteral, parse_float=NumberLiteral)


def _shown(diagnostics: Iterable[Diagnostic]) -> list[str]:
    shown = []
    for found in diagnostics:
        place = None
        if found.range is not None:
            environment, begin, end = found.range
            place = f"{environment}:{begin.line}:{begin.column}-{end.line}:{end.column}"
        shown.append(f"{found.severity} {found.summary} @{found.path} {place}")
    return sorted(shown)


def _expected(case: Case, key: str) -> list[str]:
    shown = []
    for found in case.expected.get(key, []):
        place = None
        if found["range"] is not None:
            begin, end = found["range"]["begin"], found["range"]["end"]
            environment = found["range"]["environment"]
            place = f"{environment}:{begin['line']}:{begin['column']}-{end['line']}:{end['column']}"
        shown.append(f"{found['severity']} {found['summary']} @{found['path']} {place}")
    return sorted(shown)
