"""What is renewed before it is opened anew, what never is, and what a driver keeps to revoke it later."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.grants import Grant
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import ANY_AGE, Demand, SharedLogins, login_key
from esc_operator.driver.shelf import Shelf
from esc_operator.errors import ProviderError
from esc_operator.evaluation import Failed, Lease, Opened, Secret
from esc_operator.telemetry import Telemetry
from unit.driver.test_opener import NOW, Caller, Plugins
from unit.telemetry.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime

    from esc_operator.providers.port import OpenContext

TERM = timedelta(seconds=60)


class Leasing:
    """A provider whose numbered values can be renewed up to `most` times; without `grants` it renews nothing."""

    name = "leasing"
    inputs: Mapping[str, Any] = {}
    outputs: Mapping[str, Any] = {}

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.made = 0
        self.renewals = 0
        self.revoked: list[str] = []
        self.trouble: ProviderError | None = None
        self.gate: asyncio.Event | None = None

    def login(self, inputs: Mapping[str, Any]) -> None:
        del inputs

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        del inputs
        if self.trouble:
            raise self.trouble
        self.made += 1
        lease = Lease(context.now(), context.now() + TERM)
        return Opened(f"value-{self.made}", lease, renewal=0)

    async def renew(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> Opened | None:
        del inputs
        assert opened.lease is not None
        if self.gate:
            await self.gate.wait()
        if self.trouble:
            raise self.trouble
        if opened.renewal >= self.most:
            return None
        self.renewals += 1
        now = context.now()
        lease = Lease(now, now + TERM, opened.lease.made_at or opened.lease.issued_at)
        return opened._replace(lease=lease, renewal=opened.renewal + 1)

    async def revoke(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> None:
        del inputs, context
        self.revoked.append(opened.value)


class Driver:
    """An opener on a clock of its own."""

    def __init__(self, provider: Leasing) -> None:
        self.provider = provider
        self.time: datetime = NOW
        self.notes = Notes()
        plugins: Any = Plugins(provider)  # type: ignore[arg-type]
        rotators: Any = Plugins()
        self.opener = Opener(
            pool=BlockingPool(max_workers=1, per_lane=1),
            logins=SharedLogins(lambda: self.time),
            settings={},
            now=lambda: self.time,
            catalogue=Catalogue(plugins, rotators),
            telemetry=Telemetry(meter=self.notes),
        )

    async def open(self, demand: Demand = ANY_AGE) -> Any:
        return await self.opener.open("leasing", {"k": "v"}, Caller(), demand)

    async def refresh(self, earlier: Opened) -> Any:
        """What a refresh ahead of the expiry of these values gets."""
        assert earlier.lease is not None
        return await self.open(Demand(valid_until=earlier.lease.expires_at))


def play(scenario: Callable[[Driver], Coroutine[Any, Any, None]], most: int = 1000) -> Driver:
    async def run() -> Driver:
        driver = Driver(Leasing(most))
        await scenario(driver)
        return driver

    return asyncio.run(run())


@given(gaps=st.lists(st.integers(1, 59), min_size=1, max_size=20))
def test_a_refresh_renews_what_it_can_and_the_values_stay(gaps: list[int]) -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        for gap in gaps:
            driver.time += timedelta(seconds=gap)
            opened = await driver.refresh(opened)
            assert opened.value == "value-1"
            assert opened.lease == Lease(driver.time, driver.time + TERM, made_at=NOW)

    driver = play(scenario)
    assert (driver.provider.made, driver.provider.renewals) == (1, len(gaps))


def test_what_is_not_renewed_is_opened_anew() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        values = []
        for _ in range(6):
            driver.time += timedelta(seconds=40)
            opened = await driver.refresh(opened)
            values.append(opened.value)
        assert values == ["value-1", "value-1", "value-2", "value-2", "value-2", "value-3"]

    play(scenario, most=2)


def test_what_has_expired_is_never_renewed() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.time += TERM
        assert (await driver.refresh(opened)).value == "value-2"

    assert play(scenario).provider.renewals == 0


def test_a_rotation_never_gets_renewed_values() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.time += timedelta(seconds=40)
        await driver.refresh(opened)
        driver.time += timedelta(seconds=1)
        asked_at = NOW + timedelta(seconds=20)  # after the values were made, before they were renewed
        assert (await driver.open(Demand(fresh_after=asked_at))).value == "value-2"

    play(scenario)


def test_a_rotation_that_meets_a_renewal_under_way_makes_new_values() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.time += timedelta(seconds=40)
        asked_at = driver.time
        driver.provider.gate = asyncio.Event()
        refreshing = asyncio.create_task(driver.refresh(opened))
        await asyncio.sleep(0)
        rotating = asyncio.create_task(driver.open(Demand(fresh_after=asked_at)))
        await asyncio.sleep(0)
        driver.provider.gate.set()
        assert [(await refreshing).value, (await rotating).value] == ["value-1", "value-2"]

    play(scenario)


def test_renounced_values_are_not_renewed() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.opener.logins.renounce()
        driver.time += timedelta(seconds=40)
        assert (await driver.refresh(opened)).value == "value-2"

    assert play(scenario).provider.renewals == 0


def test_a_renewal_that_meets_an_outage_fails_and_nothing_new_is_made() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.time += timedelta(seconds=40)
        driver.provider.trouble = ProviderError("sealed", reason="VaultSealed", outage=True)
        failed = await driver.refresh(opened)
        assert isinstance(failed, Failed)
        driver.provider.trouble = None
        driver.time += timedelta(seconds=10)
        assert (await driver.refresh(opened)).value == "value-1"

    assert play(scenario).provider.made == 1


def test_a_renewal_counts_as_a_call_and_mints_nothing() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.time += timedelta(seconds=40)
        await driver.refresh(opened)

    driver = play(scenario)
    assert len(driver.notes.of("minted")) == 1
    assert len(driver.notes.of("called")) == 2


def using(login: str) -> dict[str, Any]:
    """The inputs of a call that uses an output of a login."""
    return {"login": {"address": "https://vault.example.com", "token": login}}


def refuse_login(driver: Driver, inputs: dict[str, Any], subject: type[Caller] = Caller) -> Coroutine[Any, Any, None]:
    async def refuse() -> None:
        driver.provider.trouble = ProviderError("no such token", reason="VaultTokenRefused", login_refused=True)
        assert isinstance(await driver.opener.open("leasing", inputs, subject(), ANY_AGE), Failed)
        driver.provider.trouble = None

    return refuse()


def test_a_login_that_its_service_no_longer_knows_is_made_anew() -> None:
    """Whoever uses it finds that out, and the next attempt gets another one."""

    async def scenario(driver: Driver) -> None:
        assert (await driver.open()).value == "value-1"
        await refuse_login(driver, using("value-1"))
        assert (await driver.open()).value == "value-2"

    play(scenario)


def test_a_wrong_token_of_ones_own_costs_no_other_login() -> None:
    async def scenario(driver: Driver) -> None:
        await driver.open()
        await refuse_login(driver, using("another"))
        assert (await driver.open()).value == "value-1"

    play(scenario)


def test_another_identity_keeps_its_logins() -> None:
    class Stranger(Caller):
        subject = "system:serviceaccount:apps:other"

    async def scenario(driver: Driver) -> None:
        await driver.open()
        await refuse_login(driver, using("value-1"), Stranger)
        assert (await driver.open()).value == "value-1"

    play(scenario)


def test_only_what_is_secret_of_a_login_tells_that_it_is_used() -> None:
    shelf = Shelf()
    key = login_key("vault-login", Caller.subject, {}, tenant="apps")
    lease = Lease(NOW, NOW + TERM)
    shelf.keep(
        key, Opened({"address": "https://vault.example.com", "token": Secret("t0ken")}, lease, secret=False), lease
    )
    shelf.drop_logins_in({"login": {"address": "https://vault.example.com", "token": "other"}}, Caller.subject)
    assert (len(shelf.kept), shelf.weight) == (1, 1)
    shelf.drop_logins_in({"logins": [{"token": "t0ken"}]}, Caller.subject)
    assert (len(shelf.kept), shelf.weight) == (0, 0)
    assert not shelf.drop(key)


def test_an_answer_has_a_grant_that_stays_the_same_while_it_is_renewed_and_can_be_revoked() -> None:
    async def scenario(driver: Driver) -> None:
        opened = await driver.open()
        driver.time += timedelta(seconds=40)
        renewed = await driver.refresh(opened)
        assert isinstance(renewed.grant, Grant)
        assert renewed.grant == opened.grant
        assert renewed.grant.ends_at == driver.time + TERM
        assert "value-1" not in repr(renewed.grant)
        assert renewed.grant.opened.grant is None, "not a chain of all renewals"
        driver.time += timedelta(seconds=1)
        anew = await driver.open(Demand(fresh_after=driver.time))
        assert anew.grant != renewed.grant
        assert await driver.opener.revoke(renewed.grant) is None

    assert play(scenario).provider.revoked == ["value-1"]


def test_a_grant_that_cannot_be_revoked_says_why() -> None:
    class Stubborn(Leasing):
        async def revoke(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> None:
            raise ProviderError("sealed", reason="VaultSealed", outage=True)

    async def run() -> Failed | None:
        driver = Driver(Stubborn())
        grant = (await driver.open()).grant
        return await driver.opener.revoke(grant)

    failed = asyncio.run(run())
    assert failed is not None
    assert failed.reason == "VaultSealed"
