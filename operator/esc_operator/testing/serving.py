"""Checks of the happy path: the value, its secrets, its lease, and whom it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from esc_operator.driver.rotator_states import plain_state
from esc_operator.evaluation import Login, Opened, Rotated
from esc_operator.evaluation.plain import from_data
from esc_operator.projection.secrets import secret_texts
from esc_operator.providers.token_endpoints import host_of
from esc_operator.resources.allowances import matches
from esc_operator.schema.compile import from_json
from esc_operator.schema.known import validate
from esc_operator.testing.evidence import Seen, error
from esc_operator.testing.fakes import NOON
from esc_operator.testing.running import Run, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from esc_operator.evaluation import Value
    from esc_operator.testing.trial import Trial


def value_fits(trial: Trial) -> Sequence[Seen]:
    done = run(trial)
    done.succeeded  # noqa: B018 - it says why if not
    if isinstance(done.answer, Rotated):
        assert_fits(done.answer.state, done.plugin.state)
        reopened = _reopened(trial, done)
        assert_fits(reopened.value, done.plugin.outputs)
        return [Seen("rotation", f"{_requests(done)}, and its state opens")]
    assert isinstance(done.answer, Opened)
    assert_fits(done.answer.value, done.plugin.outputs)
    return [Seen("open", _requests(done))]


def secrets_are_marked(trial: Trial) -> Sequence[Seen]:
    """No secret of the trial, and no identity token, is in a part of the value that is not secret."""
    done = run(trial)
    answer = done.succeeded
    data = answer.state if isinstance(answer, Rotated) else answer.value
    value = from_data(data, None, secret=answer.secret, deepest=50)
    hidden = set(secret_texts(value))
    tokens = [secret for secret in (*trial.secrets, *_tokens(done)) if secret]
    plain = [text for text in _all_texts(value) if text not in hidden and any(one in text for one in tokens)]
    assert not plain, f"{len(plain)} texts of the value hold a secret and are not secret"
    return [Seen("secret parts", str(len(hidden)))]


def lease_is_right(trial: Trial) -> Sequence[Seen]:
    done = run(trial, rotate=False)
    answer = done.succeeded
    assert isinstance(answer, Opened)
    if trial.lease is None:
        assert answer.lease is None, f"the trial says that the value does not expire, but its lease is {answer.lease}"
        return [Seen("lease", "none: it does not expire")]
    assert answer.lease is not None, "the value expires, and has no lease: it would never be renewed"
    issued, expires = answer.lease.issued_at, answer.lease.expires_at
    assert issued == NOON, f"the lease starts at {issued}: it has to be the time before the first request"
    assert expires - NOON == trial.lease, f"the lease lasts {expires - NOON}, not {trial.lease}"
    return [Seen("lease", str(trial.lease))]


def names_are_right(trial: Trial) -> Sequence[Seen]:
    done = run(trial)
    plugin, context = done.plugin, done.context
    urls = [request.url for request in done.script.requests]
    if urls:
        assert hasattr(plugin, "endpoint"), "it makes requests, and does not name its endpoint (`Located`)"
        endpoint = plugin.endpoint(trial.inputs, context.settings)
        assert endpoint, "it makes requests, and names no endpoint"
        assert any(endpoint in url or host_of(url) in endpoint for url in urls), f"it asked {urls}, not {endpoint}"
    seen = [Seen("endpoint", str(endpoint) if urls else "none")]
    if hasattr(plugin, "account"):
        account = plugin.account(trial.inputs)
        assert isinstance(account, str)
        seen.append(Seen("account", account or "not known"))
    return [*seen, *_login(trial, done)]


def two_secrets_live(trial: Trial) -> Sequence[Seen]:
    """The state after a rotation has the current secret of the one before as its previous one."""
    done = run(trial)
    answer = done.succeeded
    assert isinstance(answer, Rotated)
    assert trial.state is not None, "a rotator's trial has a state"
    new, old = plain_state(answer.state), trial.state
    assert new != old, "the rotation changed nothing"
    if "previous" in (done.plugin.state.get("properties") or {}):
        assert new["previous"] == old["current"], "the secret that was in use is not kept as `previous`"
        assert new["current"] != old["current"], "the new secret is the old one"
    return []


def rotate_only_is_not_needed(trial: Trial) -> Sequence[Seen]:
    """Whoever opens it cannot read these inputs; the evaluator gives a text in their place."""
    plugin: Any = trial.plugin()
    inputs = _without_rotate_only(plugin.inputs, trial.inputs)
    done = run(trial, rotate=False, inputs=inputs)
    done.succeeded  # noqa: B018 - it says why if not
    names = ", ".join(_rotate_only(plugin.inputs)) or "none"
    return [Seen("only for rotations", names)]


def first_rotation_is_missing(trial: Trial) -> Sequence[Seen]:
    import dataclasses

    from esc_operator.providers.reasons import NOT_ROTATED

    failed = run(dataclasses.replace(trial, state=None, secrets=()), rotate=False).failed
    assert failed.reason == NOT_ROTATED, f"the reason is {failed.reason}, not {NOT_ROTATED}"
    return [error("not rotated yet", failed)]


def assert_fits(data: Any, schema: Any) -> None:
    """The data match the schema; names what does not, and no value."""
    value = from_data(data, None, secret=False, deepest=50)
    fits, findings = validate(value, from_json(schema))
    assert fits, f"the value does not match the schema: {[finding.path for finding in findings]}"


def _reopened(trial: Trial, done: Run) -> Opened:
    import dataclasses

    assert isinstance(done.answer, Rotated)
    opened = run(dataclasses.replace(trial, state=plain_state(done.answer.state)), rotate=False).succeeded
    assert isinstance(opened, Opened)
    return opened


def _login(trial: Trial, done: Run) -> Iterator[Seen]:
    """What the provider says of its login before it logs in is what it does."""
    plugin, audiences = done.plugin, done.context.identity.audiences
    assert hasattr(plugin, "login"), "it does not say with which role and audience it logs in (`LogsIn`)"
    login = plugin.login(trial.inputs)
    if not audiences:
        assert login is None, "it says that it presents an identity token, and asks for none"
        return
    assert isinstance(login, Login), "it asks for an identity token, and says that it presents none"
    assert set(audiences) == {login.audience}, f"it asks for tokens for {audiences}, and declares {login.audience}"
    if _gives_token(trial, done):
        assert login.gives_token, "it outputs the identity token, or sends it to a host that inputs name: `gives_token`"
    elif not _mentions(trial.inputs, login.audience):
        patterns = getattr(plugin, "exchanged_audiences", ())
        assert any(matches(pattern, login.audience) for pattern in patterns), (
            f"it exchanges tokens for {login.audience}, and does not declare that (`Exchanges`): another provider"
            " could output such a token"
        )
    gives = ", gives the token away" if login.gives_token else ""
    yield Seen("login", f"{login.role or 'no role'} with audience {login.audience}{gives}")


def _gives_token(trial: Trial, done: Run) -> bool:
    tokens = list(_tokens(done))
    answer = done.succeeded
    data = answer.state if isinstance(answer, Rotated) else answer.value
    value = from_data(data, None, secret=True, deepest=50)
    if any(token in text for token in tokens for text in _all_texts(value)):
        return True
    named = [name for name in getattr(done.plugin, "host_inputs", ()) if _has(trial.inputs, name.split("."))]
    if not named or done.context.settings:
        return False  # the vendor's own host, or one that only settings name
    sent = [f"{request.headers} {(request.body or b'').decode(errors='replace')}" for request in done.script.requests]
    return any(token in text for token in tokens for text in sent)


def _has(inputs: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(inputs, Mapping) or key not in inputs:
            return False
        inputs = inputs[key]
    return True


def _tokens(done: Run) -> Iterator[str]:
    from esc_operator.testing.fakes import identity_token

    identity = done.context.identity
    return (identity_token(audience, identity.subject) for audience in identity.audiences)


def _mentions(inputs: Any, text: str) -> bool:
    match inputs:
        case dict():
            return any(_mentions(part, text) for part in inputs.values())
        case list():
            return any(_mentions(part, text) for part in inputs)
        case _:
            return bool(inputs == text)


def _all_texts(value: Value) -> Iterator[str]:
    for part in (*value.elements, *value.properties.values()):
        yield from _all_texts(part)
    scalar = value.reveal_scalar()
    if isinstance(scalar, str):
        yield scalar


def _requests(done: Run) -> str:
    many = len(done.script.requests)
    return f"{many} request{'' if many == 1 else 's'}" if many else "no request"


def _rotate_only(schema: Any, path: str = "") -> Iterator[str]:
    for name in schema.get("rotateOnly") or ():
        yield f"{path}{name}"
    for name, inner in (schema.get("properties") or {}).items():
        if isinstance(inner, Mapping):
            yield from _rotate_only(inner, f"{path}{name}.")


def _without_rotate_only(schema: Any, inputs: Any) -> Any:
    if not isinstance(inputs, dict):
        return inputs
    hidden = schema.get("rotateOnly") or ()
    properties = schema.get("properties") or {}
    return {
        name: "[unknown]" if name in hidden else _without_rotate_only(properties.get(name) or {}, part)
        for name, part in inputs.items()
    }
