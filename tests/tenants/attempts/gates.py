"""Calls of providers that keep others waiting: floods, calls that hang, and a throttled account.

Each is judged by a login of the neighbour's that nobody had before: it is to take no two seconds more than in quiet.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any

from tenants.attempt import Verdict, attempt
from tenants.judging import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenants.stage import Stage

PATIENCE = 2.0
"""Seconds that a login may take beyond what it takes in quiet."""
RETRY_AFTER = "900"
MANY = 20
"""So many environments are enough to have a service left alone, whoever finds out meanwhile whether it is back."""
_numbers = itertools.count()


def _longest_login_of_the_neighbour(stage: Stage) -> float:
    """The seconds from applying an environment that logs in to its being ready: the longest of three, in quiet as well,
    since what else the machine does lengthens both."""
    return max(stage.take_pulse(stage.neighbour.login(sessionName=f"pulse-{next(_numbers)}")) for _ in range(3))


@contextlib.contextmanager
def _fault(stage: Stage, **fault: Any) -> Iterator[None]:
    """In the end nothing of it is left, nor of what the operator has learned of it."""
    stage.aws.inject(service="sts", **fault)
    try:
        yield
    finally:
        stage.aws.clear_faults()
        stage.operator.stop()
        stage.operator.start()


def _judged(stage: Stage, quiet: float, told: str, *words: str) -> Verdict:
    """The neighbour logs in, several times; `words` have to be told to the attacker."""
    stage.allow_change(f"mints of {stage.neighbour.role}")
    longest = _longest_login_of_the_neighbour(stage)
    late = longest > quiet + PATIENCE
    missing = [word for word in words if word not in told]
    kept = f"kept the neighbour waiting for {longest:.1f} s, {quiet:.1f} s in quiet; " if late else ""
    lacks = f"{', '.join(missing)} is not told; " if missing else ""
    return Verdict("operator", f"{kept}{lacks}{told}", good=not late and not missing)


def _after_failure(stage: Stage, role: str, word: str) -> str:
    """What the author of the last of several environments is told, each with a login of its own: as many as it takes
    until they are told that."""
    told = ""
    for _ in range(MANY):
        name = stage.fresh()
        stage.attacker.apply(name, stage.attacker.login(roleArn=role, sessionName=f"try-{next(_numbers)}"))
        ready = settled(stage.attacker, name)
        told = f"{ready['reason']}: {ready['message']}"
        if word in told:
            break
    return told


def _throttled(what: str, whose: str, **fault: Any) -> None:
    @attempt(f"have {what} throttled for a quarter of an hour")
    def throttled(stage: Stage) -> Verdict:
        role = stage.neighbour.role if whose == "neighbour" else stage.attacker.role
        quiet = _longest_login_of_the_neighbour(stage)
        about = {name: role if given == "role" else given for name, given in fault.items()}
        with _fault(stage, code="Throttling", message="Rate exceeded", retry_after=RETRY_AFTER, **about):
            told = _after_failure(stage, role, "is paused until")
            account = "for account 123456789012, is paused until"
            return _judged(stage, quiet, told, "Throttled", account, "it limits the rate of calls")


_throttled("the own role", "attacker", role="role")
_throttled("the account that is the neighbour's as well", "attacker", account="123456789012", count=1)
_throttled("the neighbour's role, by naming it", "neighbour", role="role", count=1)


def _out_of_order(what: str, **fault: Any) -> None:
    @attempt(f"have the endpoint {what} whenever it is asked")
    def out_of_order(stage: Stage) -> Verdict:
        quiet = _longest_login_of_the_neighbour(stage)
        with _fault(stage, role=stage.attacker.role, **fault):
            told = _after_failure(stage, stage.attacker.role, "is paused until")
            return _judged(stage, quiet, told, "is paused until", "its last calls failed")


_out_of_order("fail", status=503, code="ServiceUnavailable")
_out_of_order("ask for a quarter of an hour", status=503, code="ServiceUnavailable", retry_after=RETRY_AFTER)
_out_of_order("answer nonsense", status=200, body="<garbage>")


@attempt("a hundred logins that take six seconds each")
def hanging(stage: Stage) -> Verdict:
    quiet = _longest_login_of_the_neighbour(stage)
    names = [stage.fresh() for _ in range(4)]
    with _fault(stage, role=stage.attacker.role, delay=6.0):
        for name in names:
            stage.attacker.apply(name, _many(stage, 25))
        time.sleep(2)
        verdict = _judged(stage, quiet, "they wait for each other")
    for name in names:
        settled(stage.attacker, name)
    return verdict


@attempt("a thousand logins in one environment")
def thousand(stage: Stage) -> Verdict:
    quiet = _longest_login_of_the_neighbour(stage)
    name = stage.fresh()
    stage.attacker.apply(name, _many(stage, 1000))
    ready = settled(stage.attacker, name)
    told = f"{ready['reason']}: {ready['message']}"
    words = ("LimitExceeded", "values.logins", "opens 1000 providers", "64 are allowed in one", "split the environment")
    return _judged(stage, quiet, told, *words)


@attempt("sixty-four different logins in one environment", allowed=True)
def sixty_four(stage: Stage) -> Verdict:
    quiet = _longest_login_of_the_neighbour(stage)
    name = stage.fresh()
    stage.attacker.apply(name, _many(stage, 64))
    stage.attacker.until_ready(name)
    return _judged(stage, quiet, "Ready")


def _many(stage: Stage, many: int) -> dict[str, Any]:
    oidc = {"roleArn": stage.attacker.role, "duration": "1h"}
    logins = {
        f"n{number}": {"fn::open::aws-login": {"oidc": {**oidc, "sessionName": f"m-{next(_numbers)}"}}}
        for number in range(many)
    }
    return {"values": {"logins": logins, "environmentVariables": {"A": "1"}}}
