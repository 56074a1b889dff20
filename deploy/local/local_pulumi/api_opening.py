"""Check, open, read what was opened, and rotate. None of these holds the lock while it evaluates."""

import json
import uuid
from typing import Any

from esc_operator import api
from esc_operator.editing import definition_of, patch_text
from esc_operator.editing.spans import Span, read_spans
from esc_operator.evaluation.results import RotationStatus
from esc_operator.formats.paths import join_path
from esc_operator.lang import parse_access
from local_https import Answer
from local_pulumi.calls import Call, stamp
from local_pulumi.cloud import Rendered
from local_pulumi.evaluation import Subject
from local_pulumi.refusals import RefusedError, bad_request, conflict, invalid_definition, not_found
from local_pulumi.rendering import Renderer, find
from local_pulumi.sealing import in_both_forms

_ANONYMOUS = "<yaml>"
_MOST_BYTES = 1024 * 1024


# Check


def check(call: Call) -> Answer:
    return _checked(call, call.cloud.subject(call.environment, call.version, call.login))


def check_text(call: Call) -> Answer:
    return _checked(call, _anonymous(call))


def _checked(call: Call, subject: Subject) -> Answer:
    shows = call.flag("showSecrets")
    result = call.cloud.evaluations.check(subject)
    renderer = call.cloud.renderer(subject, redact=not shows)
    if not result.ok:
        raise invalid_definition(renderer.diagnostics(result.diagnostics))
    content = renderer.environment(result.value, _context(subject))
    content["diagnostics"] = renderer.diagnostics(result.diagnostics)
    content["environmentFunctionSummary"] = _functions(subject.text)
    return Answer(content)


def _functions(text: str) -> dict[str, Any]:
    """How often which function is called, and where the rotators are, below `values`."""
    counts: dict[str, int] = {}
    rotators: list[str] = []
    root = read_spans(text)
    waiting: list[tuple[tuple[str | int, ...], Span]] = [((), root)] if root is not None else []
    while waiting:
        path, span = waiting.pop()
        for key, value in span.entries():
            if key.text.startswith("fn::"):
                name = key.text.removeprefix("fn::")
                counts[name] = counts.get(name, 0) + 1
                if name.startswith("rotate"):
                    rotators.append(join_path(path[1:]))
            waiting.append(((*path, key.text), value))
        if span.kind == "sequence":
            waiting += [((*path, index), child) for index, child in enumerate(span.children)]
    return {"funcCounts": counts, "rotationPaths": sorted(rotators)}


# Open


def open_environment(call: Call) -> Answer:
    return _opened(call, call.cloud.subject(call.environment, call.version, call.login))


def open_text(call: Call) -> Answer:
    return _opened(call, _anonymous(call))


def _opened(call: Call, subject: Subject) -> Answer:
    seconds = call.duration
    result = call.cloud.evaluations.open(subject)
    renderer = call.cloud.renderer(subject)
    diagnostics = renderer.diagnostics(result.diagnostics)
    if not result.ok:
        raise invalid_definition(diagnostics)
    session = call.cloud.open_session(subject, _rendered(call, subject, renderer, result), seconds)
    content: dict[str, Any] = {"id": session.id}
    if diagnostics:
        content["diagnostics"] = diagnostics
    tells = call.cloud.settings.tells_revision_on_open and subject.revision
    return Answer(content, headers={"Pulumi-ESC-Revision": str(subject.revision)} if tells else {})


def _rendered(call: Call, subject: Subject, renderer: Renderer, result: api.Result) -> Rendered:
    """The same result in the same form is rendered once."""
    kept = call.cloud.rendered.get(subject)
    if kept is not None and kept.result is result and kept.renderer == renderer:
        return kept
    content = renderer.environment(result.value, _context(subject))
    made = Rendered(result, renderer, content, json.dumps(content).encode())
    if not result.opens and subject.revision:
        call.cloud.rendered[subject] = made
    return made


def read_session(call: Call) -> Answer:
    return _read(call, call.environment_name)


def read_session_of_text(call: Call) -> Answer:
    return _read(call, "")


def _read(call: Call, environment: str) -> Answer:
    session = call.cloud.session(call.organization, environment, call.parts["session"])
    path = call.query.get("property")
    if path is None:
        return Answer(session.rendered.text)
    keys, problem = parse_access(path)
    if not keys:
        raise bad_request(f"invalid property path: {problem or 'it is empty'}")
    found = find(session.rendered.content, keys)
    if found is None:
        raise not_found(f"path '{path}'")
    return Answer(found)


def _anonymous(call: Call) -> Subject:
    if len(call.body) > _MOST_BYTES:
        raise RefusedError(413, "the environment definition is too large")
    _, plain = in_both_forms(_ANONYMOUS, call.text)
    return Subject(call.organization, _ANONYMOUS, 0, plain, call.login)


def _context(subject: Subject) -> dict[str, Any]:
    pulumi = {"user": {"login": subject.login}, "organization": {"login": subject.organization}}
    return {
        "currentEnvironment": {"name": subject.name},
        "pulumi": pulumi,
        "rootEnvironment": {"name": subject.name},
    }


# Rotate


def rotate(call: Call) -> Answer:
    """Rotates all rotators of the environment, or those at `paths`, and writes their states as a new revision."""
    if not call.cloud.settings.rotation_is_enabled:
        raise RefusedError(403, "secret rotation is not enabled for this organization")
    given = call.content(paths=(list, False))["paths"] or []
    if not all(isinstance(path, str) for path in given):
        raise bad_request("a list of strings is expected")
    environment = call.environment
    subject = call.cloud.subject(environment, "", call.login)
    began = call.cloud.now()
    result = call.cloud.evaluations.rotate(subject, given)
    if not result.rotations and not result.ok:
        raise invalid_definition(call.cloud.renderer(subject).diagnostics(result.diagnostics))
    text = subject.text
    for rotation in result.rotations:
        if rotation.patch is not None:
            text = patch_text(text, rotation.patch.path, definition_of(rotation.patch.replacement)) or text
    with call.cloud.lock:
        if environment.latest.number != subject.revision:
            raise conflict("the environment has changed since it was read")
        revision = call.cloud.write(environment, text, call.login)
    event: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "environmentId": environment.id,
        "created": stamp(began),
        "completed": stamp(call.cloud.now()),
        "preRotationRevision": subject.revision,
        "userID": call.login,
        "rotations": [_rotation(result, one.path, one.status) for one in result.rotations],
    }
    failed = [one for one in event["rotations"] if one["status"] == "failed"]
    event["status"] = "failed" if failed else "succeeded"
    if failed:
        event["errorMessage"] = f"{len(failed)} of {len(event['rotations'])} secrets failed to rotate"
    if revision.number != subject.revision:
        event["postRotationRevision"] = revision.number
    environment.rotations.insert(0, event)
    return Answer({"id": event["id"], "secretRotationEvent": event})


def _rotation(result: api.Result, path: str, status: RotationStatus) -> dict[str, Any]:
    below = path.removeprefix("values.")
    shown = {"id": str(uuid.uuid4()), "environmentPath": below, "status": "succeeded"}
    if status is not RotationStatus.SUCCEEDED:
        why = [one.summary for one in result.errors if one.path == path or one.path.startswith(f"{path}.")]
        shown |= {"status": "failed", "errorMessage": why[0] if why else "the secret could not be rotated"}
    return shown


def rotation_history(call: Call) -> Answer:
    return Answer({"events": call.environment.rotations})
