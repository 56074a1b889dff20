"""Checks of what a plug-in declares: its schemas, the inputs that name hosts, and how it looks at inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from esc_operator.errors import EscError
from esc_operator.evaluation import UNSEEN, InputProblem
from esc_operator.schema.compile import from_json
from esc_operator.testing.evidence import Seen
from esc_operator.testing.places import another, at, changed, paths, texts
from esc_operator.testing.public_schemas import compare
from esc_operator.testing.running import input_value
from esc_operator.testing.sockets import connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from esc_operator.testing.trial import Trial


def schemas_are_well_formed(trial: Trial) -> Sequence[Seen]:
    plugin: Any = trial.plugin()
    parts = ("inputs", "state", "outputs") if hasattr(plugin, "rotate") else ("inputs", "outputs")
    for part in parts:
        schema = getattr(plugin, part)
        from_json(schema)
        for path, property_ in _properties(schema):
            assert isinstance(property_, Mapping), f"{part}.{path} is no object"
            kinds = {"type", "oneOf", "anyOf", "$ref", "const", "enum"}
            assert kinds & set(property_), f"{part}.{path} says nothing of its type"
    top = plugin.inputs
    assert top.get("type") == "object", "inputs are an object"
    return [Seen("schemas", ", ".join(f"{part}: {len(list(_properties(getattr(plugin, part))))}" for part in parts))]


def schemas_are_public(trial: Trial) -> Sequence[Seen]:
    plugin: Any = trial.plugin()
    found = compare(plugin)
    unexplained = {place: what for place, what in found.differences.items() if place not in trial.differs}
    assert not unexplained, f"it differs from the public schema without a reason in `differs`: {unexplained}"
    settled = [place for place in trial.differs if place not in found.differences]
    assert not settled, f"`differs` has reasons for what does not differ: {settled}"
    assert not found.unmarked, f'additions to the public schema have to be marked with "added": True: {found.unmarked}'
    assert not found.mismarked, f"these are marked as added, and are public or required: {found.mismarked}"
    differing = [
        Seen(f"differs at {place}", f"{found.differences[place]}: {why}") for place, why in trial.differs.items()
    ]
    return [*differing, *([Seen("added", ", ".join(found.added))] if found.added else [])]


def looking_is_harmless(trial: Trial) -> Sequence[Seen]:
    """`problems`, `endpoint`, `account` and `login` read the inputs alone, whatever of them is known."""
    plugin: Any = trial.plugin()
    with connections() as made:
        if hasattr(plugin, "problems"):
            for inputs in (trial.inputs, *_unseen(trial.inputs)):
                for problem in plugin.problems(inputs):
                    assert isinstance(problem, InputProblem), f"{problem!r} is no InputProblem"
                    assert inputs is not trial.inputs, f"the inputs of the trial have a problem: {problem.message}"
        for name in ("account", "login"):
            if method := getattr(plugin, name, None):
                method(trial.inputs)
        if hasattr(plugin, "endpoint"):
            plugin.endpoint(trial.inputs, {})
    assert not made, f"it connected to {made} although nothing was opened"
    return []


def hosts_declared(trial: Trial) -> Sequence[Seen]:
    """Each text among the inputs takes part in the endpoint if, and only if, it is in `host_inputs`."""
    plugin: Any = trial.plugin()
    if not hasattr(plugin, "host_inputs"):
        return []
    usual = plugin.endpoint(trial.inputs, {})
    for path in texts(trial.inputs):
        other = changed(trial.inputs, path, another(at(trial.inputs, path)))
        try:
            takes_part = plugin.endpoint(other, {}) != usual
        except EscError:
            continue
        is_declared = any(".".join(path[: len(part.split("."))]) == part for part in plugin.host_inputs)
        assert takes_part is is_declared, (
            f"the input {'.'.join(path)} {'changes' if takes_part else 'does not change'} the endpoint, and is "
            f"{'' if is_declared else 'not '}in host_inputs"
        )
        _refuses_secret(trial, plugin, path, takes_part)
    return [Seen("hosts", ", ".join(plugin.host_inputs) or "none named by inputs")]


def _refuses_secret(trial: Trial, plugin: Any, path: tuple[str, ...], takes_part: bool) -> None:
    from esc_operator.driver.hosts import refuse_secret_host
    from esc_operator.evaluation import Secret
    from esc_operator.evaluation.plain import from_data

    secret = from_data(changed(trial.inputs, path, Secret(at(trial.inputs, path))), None, secret=False, deepest=50)
    assert (refuse_secret_host(plugin, plugin.name, secret) is not None) is takes_part
    assert refuse_secret_host(plugin, plugin.name, input_value(trial, trial.inputs)) is None


def _properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All properties of a schema and of the schemas within, with their paths."""
    if not isinstance(schema, Mapping):
        return
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{path}{name}", inner
        yield from _properties(inner, f"{path}{name}.")
    for keyword in ("items", "additionalProperties"):
        yield from _properties(schema.get(keyword), f"{path}*.")
    for keyword in ("oneOf", "anyOf"):
        for inner in schema.get(keyword) or ():
            yield from _properties(inner, path)


def _unseen(inputs: Any) -> Iterator[Any]:
    """The inputs, each time with another part that may not be looked at."""
    return (changed(inputs, path, UNSEEN) for path in paths(inputs))
