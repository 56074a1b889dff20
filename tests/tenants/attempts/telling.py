"""Secrets by way of what is told about them, and lies in the log."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from cluster.harness import stays, variables
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.resources import ROTATE_REQUESTED_AT
from tenants.attempt import THEMSELVES, Verdict, attempt
from tenants.judging import asked, secret_kept, settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.stage import Stage

DEEPEST = 9_980
"""The API server refuses an object that is more than 10,000 deep."""

FORGED = "FORGED-LINE: all is well"


def _with(value: Any, **values: Any) -> dict[str, Any]:
    # What exports nothing is only checked.
    return {"values": {"secret": {"fn::secret": value}, **variables(EXPORTED="1")["values"], **values}}


def _login(**oidc: Any) -> dict[str, Any]:
    given = {"roleArn": "arn:aws:iam::123456789012:role/red", "sessionName": "red", **oidc}
    return {"fn::open::aws-login": {"oidc": given}}


def _as_role(canary: str) -> dict[str, Any]:
    return _with(f"arn:aws:iam::123456789012:role/{canary}", login=_login(roleArn="${secret}"))


def _in_a_role(canary: str) -> dict[str, Any]:
    return _with(canary, login=_login(roleArn="arn:aws:iam::123456789012:role/x-${secret}"))


def _as_audience(canary: str) -> dict[str, Any]:
    return _with(canary, login=_login(audience="${secret}"))


def _as_session(canary: str) -> dict[str, Any]:
    return _with(f"{canary} with blanks", login=_login(sessionName="${secret}"))


def _as_duration(canary: str) -> dict[str, Any]:
    return _with(canary, login=_login(duration="${secret}"))


def _as_region(canary: str) -> dict[str, Any]:
    return _with(canary, login=_login(region="${secret}"))


def _as_static(canary: str) -> dict[str, Any]:
    return _with(canary, login={"fn::open::aws-login": {"static": "${secret}"}})


def _as_provider(canary: str) -> dict[str, Any]:
    return _with(canary, login={"fn::open": {"provider": "${secret}", "inputs": {}}})


def _as_inputs(canary: str) -> dict[str, Any]:
    return _with(json.dumps({canary: 1, "oidc": canary}), login={"fn::open::aws-login": {"fn::fromJSON": "${secret}"}})


def _as_one_input(canary: str) -> dict[str, Any]:
    return _with(json.dumps({canary: 1}), login={"fn::open::aws-login": {"fn::fromJSON": "${secret}"}})


def _as_import(canary: str) -> dict[str, Any]:
    return {"imports": ["${secret}"], **_with(canary)}


def _as_number(canary: str) -> dict[str, Any]:
    return _with(canary, list=[1, 2], picked="${list[secret]}", number={"fn::fromJSON": "${secret}"})


def _as_json(canary: str) -> dict[str, Any]:
    return _with(f'{{"{canary}": {canary}}}', read={"fn::fromJSON": "${secret}"})


def _as_base64(canary: str) -> dict[str, Any]:
    return _with(f"{canary}!!", read={"fn::fromBase64": "${secret}"})


def _as_delimiter(canary: str) -> dict[str, Any]:
    return _with(canary, read={"fn::join": ["${secret}", "${secret}"]})


def _as_schema(canary: str) -> dict[str, Any]:
    return _with(canary, read={"fn::validate": {"schema": {"const": "other"}, "value": "${secret}"}})


def _in_a_schema(canary: str) -> dict[str, Any]:
    schema = {"fn::fromJSON": "${secret}"}
    return _with(json.dumps({"const": canary}), read={"fn::validate": {"schema": schema, "value": "other"}})


def _as_property(canary: str) -> dict[str, Any]:
    return _with(json.dumps({canary: 1}), read={"fn::fromJSON": "${secret}"}, picked="${read.nothing}")


def _as_variables_name(canary: str) -> dict[str, Any]:
    return _with(json.dumps({f"{canary} = not good": "1"}), environmentVariables={"fn::fromJSON": "${secret}"})


def _as_variables(canary: str) -> dict[str, Any]:
    return _with(canary, environmentVariables="${secret}")


def _as_variables_value(canary: str) -> dict[str, Any]:
    text = base64.b64encode(f"{canary}\0".encode()).decode()
    return _with(text, environmentVariables={"A": {"fn::fromBase64": "${secret}"}})


def _as_variables_object(canary: str) -> dict[str, Any]:
    return _with(
        json.dumps({canary: [canary]}), environmentVariables={"A": {"fn::fromJSON": "${secret}"}, "NOT=GOOD": "1"}
    )


def _as_file_name(canary: str) -> dict[str, Any]:
    return _with(json.dumps({f"../{canary}": "1"}), files={"fn::fromJSON": "${secret}"})


def _as_file(canary: str) -> dict[str, Any]:
    return _with(canary, files={"A/../B": "${secret}", "A": ["${secret}"]})


def _as_rotators_user(canary: str) -> dict[str, Any]:
    inputs = {"login": {"accessKeyId": "${secret}", "secretAccessKey": "${secret}"}, "userArn": "${secret}"}
    return _with(canary, iam={"fn::rotate::aws-iam": {"inputs": inputs}})


def _in_ciphertext(canary: str) -> dict[str, Any]:
    return {"values": {"secret": {"fn::secret": {"ciphertext": base64.b64encode(canary.encode()).decode()}}}}


LEAKS: dict[str, Callable[[str], dict[str, Any]]] = {
    "a role that is refused": _as_role,
    "a part of a role that is refused": _in_a_role,
    "an audience that is refused": _as_audience,
    "a session's name": _as_session,
    "a duration": _as_duration,
    "a region": _as_region,
    "all inputs": _as_static,
    "a provider's name": _as_provider,
    "the names of inputs": _as_inputs,
    "the name of an input": _as_one_input,
    "an import's name": _as_import,
    "a number": _as_number,
    "broken JSON": _as_json,
    "broken base64": _as_base64,
    "a list": _as_delimiter,
    "a value that does not fit": _as_schema,
    "a schema that nothing fits": _in_a_schema,
    "the name beside a wrong one": _as_property,
    "a bad variable's name": _as_variables_name,
    "all variables": _as_variables,
    "a variable with NUL": _as_variables_value,
    "an object for a variable": _as_variables_object,
    "a file's name": _as_file_name,
    "a file beside a bad one": _as_file,
    "what a rotator is told": _as_rotators_user,
    "what it is when encrypted": _in_ciphertext,
}


def _leak(what: str, definition: Callable[[str], dict[str, Any]]) -> None:
    @attempt(f"read a secret by giving it as {what}")
    def told(stage: Stage) -> Verdict:
        canary = stage.canary()
        return secret_kept(stage, definition(canary), canary)


for _what, _definition in LEAKS.items():
    _leak(_what, _definition)


@attempt("read names of variables in the status, although they were read from a secret", allowed=True)
def names(stage: Stage) -> Verdict:
    """Names are told: what they are called is not hidden, only what they hold."""
    name = stage.fresh()
    definition = _with(json.dumps({"NAMED": "1"}), environmentVariables={"fn::fromJSON": "${secret}"})
    stage.attacker.apply(name, definition)
    stage.attacker.until_ready(name)
    told = stage.attacker.status(name)["variables"]
    return Verdict("nobody", f"status.variables: {told}", good=told == ["NAMED"])


# The log.


def _unforged(stage: Stage, before: int, told: str) -> Verdict:
    lines = stage.operator.log.read_text()[before:].splitlines()
    forged = [line for line in lines if line.lstrip().startswith(FORGED)]
    return Verdict("operator", told, good=not forged)


LINES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a role": lambda text: _with("", login=_login(roleArn=text)),
    "an audience": lambda text: _with("", login=_login(audience=text)),
    "a session's name": lambda text: _with("", login=_login(sessionName=text)),
    "a provider": lambda text: _with("", login={f"fn::open::{text}": {}}),
    "an import": lambda text: {"imports": [text], "values": {}},
    "a variable's name": lambda text: variables(**{text: "1"}),
    "a property": lambda text: {"values": {text: "${nothing}"}},
    "an expression": lambda text: {"values": {"a": f'${{b["{text}"]}}'}},
}


def _line(what: str, definition: Callable[[str], dict[str, Any]]) -> None:
    @attempt(f"forge a line of the log by {what}")
    def forged(stage: Stage) -> Verdict:
        name, before = stage.fresh(), len(stage.operator.log.read_text())
        stage.attacker.apply(name, definition(f"x\n{FORGED}\r\n{FORGED}\u2028{FORGED}"))
        ready = settled(stage.attacker, name)
        time.sleep(0.2)  # the log is written beside
        return _unforged(stage, before, f"{ready['reason']}: {ready['message']}")


for _what, _definition in LINES.items():
    _line(_what, _definition)


@attempt("forge a line of the log by a request for a rotation")
def forged_request(stage: Stage) -> Verdict:
    request, before = f"x\n{FORGED}", len(stage.operator.log.read_text())
    stage.attacker.annotate("own", annotations={ROTATE_REQUESTED_AT: request})
    stays(lambda: True, 0.5)
    return _unforged(stage, before, "no line of its own")


@attempt("forge a line of the log by a name")
def forged_name(stage: Stage) -> Verdict:
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": f"x\n{FORGED}"},
        "spec": {"environment": {}},
    }
    return asked(stage.attacker.cluster, "POST", ENVIRONMENTS.path("red"), body)


# Getting in the way of all others.


def _deep(depth: int) -> None:
    @attempt(f"stop the operator by a definition {depth} deep")
    def deep(stage: Stage) -> Verdict:
        name = stage.fresh()
        text = (
            '{"apiVersion": "esc-operator.dev/v1alpha1", "kind": "EscEnvironment", "metadata": {"name": "NAME"},'
            ' "spec": {"environment": {"values": {"a": DEEP}}}}'
        )
        body = text.replace("NAME", name).replace("DEEP", '{"a":' * depth + "1" + "}" * depth)
        status, answer = stage.attacker.cluster.post_text(ENVIRONMENTS.path("red"), body)
        if status >= 400:
            return Verdict("API server", str(answer.get("message"))[:200])
        stage.serve_the_neighbour()
        if depth == DEEPEST:  # it is in the list that a new operator begins with
            stage.operator.stop()
            stage.operator.start()
        stage.attacker.apply("own-beside", variables(A=name))
        stage.note("own-beside")
        stage.attacker.until_ready("own-beside")
        return Verdict(THEMSELVES, "everybody is served")


for _depth in (200, 900, 3000, DEEPEST):
    _deep(_depth)


@attempt("stop the operator by a request for a rotation of 200,000 letters")
def long_request(stage: Stage) -> Verdict:
    stage.attacker.annotate("own", annotations={ROTATE_REQUESTED_AT: "x" * 200_000})
    stage.serve_the_neighbour()
    stage.attacker.annotate("own", annotations={ROTATE_REQUESTED_AT: "short"})
    return Verdict(THEMSELVES, "everybody is served")


@attempt("find any secret of all these attempts in a status, an event, the log or a metric")
def after_all(stage: Stage) -> Verdict:
    places = stage.places()
    secrets = [*stage.canaries, *stage.aws.minted_secrets()]
    found = [place for place, text in places.items() if any(secret in text for secret in secrets)]
    return Verdict(
        "operator", f"{len(secrets)} secrets; found in: {', '.join(found) or 'none of them'}", good=not found
    )
