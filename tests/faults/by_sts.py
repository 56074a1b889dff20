"""AWS STS is away, slow, or answers nonsense: the last good Secret stays, it is told, and no mint is wasted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from datetime import datetime
from typing import TYPE_CHECKING

from faults.front import Phase, Reaction, Reply, Rule, drop
from faults.requests import EXCHANGE
from faults.scenario import fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from faults.run import Run, Subject

LIFETIME = 16.0
AWAY, PAUSED = "AWSUnavailable", "ProviderPaused"
COUNT = 6

XML = '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{}</AssumeRole{}>'
GARBAGE = (
    Reply(200, "<html><body>Log in to the hotel's network</body></html>", {"Content-Type": "text/html"}),
    Reply(200, '{"Credentials": {"AccessKeyId": "ASIAXXXXXXXXXXXXXXXX"}}', {"Content-Type": "application/json"}),
    Reply(200, "", {"Content-Type": "text/xml"}),
    Reply(
        200, XML.format("<AssumeRoleWithWebIdentityResult/>", "WithWebIdentityResponse"), {"Content-Type": "text/xml"}
    ),
    Reply(200, XML.format("<AssumeRoleWithWebIdentityResult>", ""), {"Content-Type": "text/xml"}),
    Reply(
        200,
        XML.format(
            "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAXXXXXXXXXXXXXXXX</AccessKeyId>"
            "<SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken>"
            "<Expiration>2001-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>",
            "WithWebIdentityResponse",
        ),
        {"Content-Type": "text/xml"},
    ),
    Reply(200, "\x00\x01\x02\ufffd", {"Content-Type": "application/octet-stream"}),
)


@contextlib.contextmanager
def outage(
    run: Run, action: Callable[[], Reaction | Awaitable[Reaction]], subjects: Iterable[Subject]
) -> Iterator[None]:
    """While it lasts, this is what every exchange meets with; and no Secret is touched."""
    with contextlib.ExitStack() as stack:
        for subject in subjects:
            stack.enter_context(subject.kept())
        stack.enter_context(run.stage.fronts.rules(Rule(EXCHANGE, Phase.BEFORE, action, count=None)))
        yield
        run.stage.aws.settings(lifetime=3600)


def through_the_window(run: Run, subjects: Iterable[Subject], *reasons: str) -> None:
    """What has to be told of an outage that begins before the refresh window and ends after the expiry."""
    for subject in subjects:
        subject.until_told(*reasons, ready="True")
        assert subject.remaining() > 0, "it was told too late"
    for subject in subjects:
        subject.until_told(*reasons, ready="False", patience=max(subject.remaining(), 0) + 30)
        if subject.condition("Ready")["reason"] != "Expired":
            run.wrong(f"{subject.namespace}: Ready is False for {subject.condition('Ready')['reason']}")
        moved = datetime.fromisoformat(subject.condition("Ready")["lastTransitionTime"])
        late = (moved - datetime.fromisoformat(subject.mints()[-1].expires_at)).total_seconds()
        if late > 3:
            run.wrong(f"{subject.namespace}: the expiry was told {late:.0f} s late")


@fault("STS down through the refresh window and past expiry", runs=4, lifetime=LIFETIME)
def sts_down(run: Run) -> None:
    away = (drop, lambda: Reply(503))[run.number % 2]
    subjects = run.fill_some(COUNT)
    with outage(run, away, subjects):
        through_the_window(run, subjects, AWAY, PAUSED)
    for subject in subjects:
        subject.judge(mints=2, writes=2)


@fault("STS down for a while in the refresh window", runs=3, lifetime=30)
def sts_down_briefly(run: Run) -> None:
    subjects = run.fill_some(COUNT)
    with outage(run, drop, subjects):
        for subject in subjects:
            subject.until_told(AWAY, PAUSED, ready="True", patience=60)
    for subject in subjects:
        subject.judge(mints=2, writes=2)
        first, second = subject.mints()[:2]
        if second.issued_at > first.expires_at:
            run.lost(f"{subject.namespace}: the Secret expired though STS was back in time")


@fault("STS answers garbage", runs=7, lifetime=LIFETIME)
def sts_garbage(run: Run) -> None:
    reply = GARBAGE[run.number % len(GARBAGE)]
    subjects = run.fill_some(COUNT)
    with outage(run, lambda: reply, subjects):
        through_the_window(run, subjects, "MalformedAnswer", PAUSED)
    for subject in subjects:
        subject.judge(mints=2, writes=2)


@fault("STS slower than any timeout", runs=2, lifetime=30)
def sts_slow(run: Run) -> None:
    async def hang() -> Reaction:
        await asyncio.sleep(120)  # whoever waits for the answer hangs up first
        return drop()

    subjects = run.fill_some(COUNT)
    with outage(run, hang, subjects):
        for subject in subjects:
            subject.until_told(AWAY, PAUSED, "ProviderTimeout", ready="False", patience=90)
            moved = datetime.fromisoformat(subject.condition("Ready")["lastTransitionTime"])
            late = (moved - datetime.fromisoformat(subject.mints()[-1].expires_at)).total_seconds()
            if late > 3:
                run.wrong(f"{subject.namespace}: the expiry was told {late:.0f} s late, while an attempt was under way")
    for subject in subjects:
        subject.judge(mints=2, writes=2, patience=60)


@fault("STS answers 429 with Retry-After", runs=4)
def sts_throttles(run: Run) -> None:
    wait, subject = 4, run.fill()
    told: list[float] = []

    def throttle() -> Reaction:
        told.append(time.time())
        body = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"
        return Reply(429, body, {"Retry-After": f"{wait}"})

    with run.rule(EXCHANGE, Phase.BEFORE, throttle, subject, count=3), subject.kept():
        subject.rotate("now")
        subject.until_told("Throttled", PAUSED, ready="True")
    subject.judge(mints=2, writes=2)
    told.append(datetime.fromisoformat(subject.mints()[-1].issued_at).timestamp())
    gaps = [round(later - earlier, 2) for earlier, later in itertools.pairwise(told)]
    if any(gap < wait - 0.1 for gap in gaps):
        run.wrong(f"{subject.namespace}: asked again after {gaps} s, and was told each time to wait {wait} s")
