"""Environments that a service holds and evaluates: their values are opened as a whole, and are not evaluated here.

Invariant: no definition can ask for one. Only an environment's own source names a service, so what is opened, and as
whom, is never for an importer to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.evaluation.answers import UNKNOWN_LOGIN, Opened
from esc_operator.evaluation.effects import OpenEnvironment
from esc_operator.evaluation.results import Mode, OpenRecord
from esc_operator.evaluation.values import PENDING_VALUE, Value, unknown
from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Failed
from esc_operator.schema import OBJECT

if TYPE_CHECKING:
    from esc_operator.evaluation.frames import Frame


def open_environment(frame: Frame) -> Value:
    """The value of the environment at work; in a check, an unknown object."""
    scope, root = frame.scope, frame.scope.environment.root
    service = scope.environment.service
    if frame.mode == Mode.CHECK:
        return unknown(root, OBJECT)
    answer = frame.ask(
        (OpenEnvironment, scope.identity),
        lambda number: OpenEnvironment(number, service, scope.identity, root.path),
        Opened,
    )
    if answer is None:
        return PENDING_VALUE
    if isinstance(answer, Failed):
        frame.error(root, answer.message, reasons.PROVIDER_FAILED, answer)
        return unknown(root, OBJECT)
    hides_login = answer.login == UNKNOWN_LOGIN
    login = None if hides_login else answer.login
    record = OpenRecord(root.path, scope.identity, service, answer.lease, login, hides_login, answer.organization)
    frame.findings.append(record)
    value: Value = answer.value
    frame.charge(value.writing_units)
    return value
