"""The list of checks that a trial has to pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from esc_operator.testing import declaring, failing, protecting, serving
from esc_operator.testing.evidence import Check, Seen
from esc_operator.testing.public_schemas import is_public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from esc_operator.testing.trial import Trial

__all__ = ["Check", "Seen", "checks"]


def checks(*trials: Trial) -> list[Check]:
    """All checks that apply to these trials, for `pytest.mark.parametrize`. The first trial of a plug-in explains where
    its schema differs from the public one."""
    named: set[tuple[str, bool]] = set()
    found: list[Check] = []
    for trial in trials:
        plugin = trial.plugin()
        key = plugin.name, hasattr(plugin, "rotate")
        found += _of(trial, plugin, is_first=key not in named)
        named.add(key)
    return found


def _of(trial: Trial, plugin: Any, *, is_first: bool) -> Iterator[Check]:
    def check(kind: str, name: str, call: Callable[[Trial], Sequence[Seen]]) -> Check:
        return Check(kind, name, trial, call)

    is_rotator = hasattr(plugin, "rotate")
    yield check("schema", "its schemas are well-formed and describe each part", declaring.schemas_are_well_formed)
    if is_first and is_public(plugin):
        yield check("schema", "its schemas are the public ones", declaring.schemas_are_public)
    yield check("schema", "looking at inputs makes no request and never fails", declaring.looking_is_harmless)
    yield check("happy path", "the happy path gives what its schema says", serving.value_fits)
    yield check("redaction", "its secrets are secret in the value", serving.secrets_are_marked)
    yield check("lease", "the lease says how long the value is valid", serving.lease_is_right)
    yield check("happy path", "it names its login, its endpoint and its account", serving.names_are_right)
    yield check(
        "happy path", "a host is named by the inputs that it declares, and by no other", declaring.hosts_declared
    )
    yield check("redaction", "the secrets of the trial take part in it", protecting.secrets_take_part)
    if is_rotator:
        yield check("happy path", "two secrets are alive after a rotation", serving.two_secrets_live)
        yield check("happy path", "opening needs none of the inputs for rotations", serving.rotate_only_is_not_needed)
        yield check("failure", "opening before the first rotation says what to do", serving.first_rotation_is_missing)
    for failure in trial.failures:
        yield check("failure", failure.name, partial(failing.failure_is_explained, failure=failure))
    if trial.makes_requests:
        for name, call in failing.OF_ANSWERS.items():
            yield check("answers", name, call)
        yield check("timeout", "a service that does not answer is an outage", failing.silence_is_an_outage)
        yield check("cancellation", "it can be cancelled at any request", failing.cancellation_is_passed_on)
        if hasattr(plugin, "renew") and trial.settings is None:
            yield check("lease", "a renewal survives whatever answers", failing.renewal_survives_anything)
        yield check("redaction", "nothing that it sends or gets is repeated", protecting.nothing_is_repeated)
    if getattr(plugin, "host_inputs", ()):
        yield check("fence", "its hosts are behind the fence", protecting.hosts_are_fenced)
