"""The informer of owned Secrets: what it knows is never older than what this process has done itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ForbiddenError
from esc_operator.kube.paths import SECRETS
from esc_operator.kube.reflector import RECONNECT_SECONDS
from esc_operator.kube.secret_informer import BLIPS, MOST_GONE, SecretInformer, nothing_at, parse_secret_metadata
from esc_operator.resources import ENVIRONMENT, MANAGED_BY, MANAGED_BY_LABEL
from esc_operator.resources.environment import Key
from unit.reconciliation.fake_api import FakeApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from unit.reconciliation.fake_api import Call

LABELS = {MANAGED_BY_LABEL: MANAGED_BY}


class Watched:
    """An informer of a fake API server. `changed` is what it told, `pauses` how often it waited to connect again."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.changed: list[Key] = []
        self.pauses = 0
        self.on_pause: Callable[[float], None] = lambda _: None
        self.secrets: SecretInformer

    @asynccontextmanager
    async def informer(self, namespaces: Sequence[str] = ()) -> AsyncIterator[SecretInformer]:
        self.secrets = SecretInformer(self.api, namespaces, pause=self._pause)
        self.secrets.listen(self.changed.append)
        task = asyncio.create_task(self.secrets.run())
        try:
            await self.rest()
            yield self.secrets
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        self.pauses += 1
        self.on_pause(seconds)
        await asyncio.sleep(0)

    async def rest(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    def put(self, name: str, namespace: str = "apps", **annotations: str) -> None:
        self.api.put_secret(name, {"A": "eA=="}, namespace, labels=LABELS, annotations=annotations)

    def body(self, name: str) -> dict[str, Any]:
        body = self.api.secret(name)
        assert body is not None
        return body


def play(story: Callable[[Watched], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await story(Watched())

    asyncio.run(bounded())


def test_only_labelled_secrets_are_known_and_only_their_metadata_is_asked_for() -> None:
    async def story(watched: Watched) -> None:
        watched.put("ours")
        watched.api.put_secret("theirs", {})
        async with watched.informer() as secrets:
            assert secrets.listed.is_set()
            assert secrets.find(Key("apps", "ours")) is not None
            assert secrets.find(Key("apps", "theirs")) is None
        assert {call.verb for call in watched.api.calls} == {"list_page", "watch_lines"}

    play(story)


def test_a_long_list_comes_in_pages() -> None:
    async def story(watched: Watched) -> None:
        for number in range(1603):
            watched.put(f"secret-{number}")
        async with watched.informer() as secrets:
            await watched.rest()
            assert all(secrets.find(Key("apps", f"secret-{number}")) for number in range(1603))
        assert watched.api.count("list_page") == 5  # 100, 400, 500, 500 and the rest of the way

    play(story)


def test_each_namespace_is_followed_and_all_have_to_be_listed() -> None:
    async def story(watched: Watched) -> None:
        watched.put("a", "one")
        watched.put("b", "two")
        watched.put("c", "three")
        watched.api.lost_before.add(1)
        async with watched.informer(["one", "two"]) as secrets:
            assert secrets.listed.is_set()
            assert secrets.find(Key("one", "a"))
            assert secrets.find(Key("two", "b"))
            assert secrets.find(Key("three", "c")) is None
        assert watched.api.count("list_page") == 3

    play(story)


def test_changes_and_deletions_are_reported() -> None:
    async def story(watched: Watched) -> None:
        watched.put("aws")
        async with watched.informer() as secrets:
            watched.changed.clear()
            watched.put("aws", **{ENVIRONMENT: "aws"})
            await watched.rest()
            found = secrets.find(Key("apps", "aws"))
            assert found is not None
            assert found.environment == "aws"
            watched.api.delete_secret("aws")
            await watched.rest()
            assert secrets.find(Key("apps", "aws")) is None
        assert watched.changed == [Key("apps", "aws")] * 2

    play(story)


def test_a_secret_whose_label_is_taken_off_is_gone_from_sight() -> None:
    async def story(watched: Watched) -> None:
        watched.put("aws")
        async with watched.informer() as secrets:
            watched.api.strip_secret("aws", "labels")
            await watched.rest()
            assert secrets.find(Key("apps", "aws")) is None

    play(story)


def test_an_own_write_is_known_at_once_and_its_echo_is_not_told() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:
            watched.put("aws")
            secrets.observe(watched.body("aws"))
            assert secrets.find(Key("apps", "aws")) is not None
            await watched.rest()
        assert watched.changed == []

    play(story)


def test_an_own_write_whose_echo_comes_before_its_answer_is_not_told_either() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:
            with secrets.writing(Key("apps", "aws")):
                watched.put("aws")
                await watched.rest()
                secrets.observe(watched.body("aws"))
            await watched.rest()
            assert secrets.find(Key("apps", "aws")) is not None
            assert watched.changed == []

    play(story)


@pytest.mark.parametrize("deleted", [True, False])
def test_what_others_did_while_a_secret_was_written_is_reported_after_that(*, deleted: bool) -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:
            with secrets.writing(Key("apps", "aws")):
                watched.put("aws")
                answer = watched.body("aws")
                if deleted:
                    watched.api.delete_secret("aws")
                else:
                    watched.put("aws", **{ENVIRONMENT: "of somebody else"})
                await watched.rest()
                secrets.observe(answer)
            found = secrets.find(Key("apps", "aws"))
            assert found is None if deleted else found and found.environment == "of somebody else"
            assert watched.changed == [Key("apps", "aws")]

    play(story)


def test_a_write_that_got_no_answer_is_reported_by_the_watch() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:

            async def write() -> None:
                with secrets.writing(Key("apps", "aws")):
                    watched.put("aws")
                    await watched.rest()
                    raise ForbiddenError("no answer")

            with pytest.raises(ForbiddenError):
                await write()
            assert secrets.find(Key("apps", "aws")) is not None
            assert watched.changed == [Key("apps", "aws")]

    play(story)


def test_an_older_event_never_overrides_a_newer_own_write() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:
            watched.put("aws", **{ENVIRONMENT: "older"})
            watched.put("aws", **{ENVIRONMENT: "newer"})
            secrets.observe(watched.body("aws"))
            seen = set()
            secrets.listen(lambda key: seen.add(secrets.find(key)))
            await watched.rest()
            found = secrets.find(Key("apps", "aws"))
            assert found is not None
            assert found.environment == "newer"
            assert seen == set()

    play(story)


def test_a_deletion_that_is_older_than_an_own_write_is_not_believed() -> None:
    async def story(watched: Watched) -> None:
        watched.put("aws")
        async with watched.informer() as secrets:
            watched.api.delete_secret("aws")
            watched.put("aws")
            secrets.observe(watched.body("aws"))
            await watched.rest()
            found = secrets.find(Key("apps", "aws"))
            assert found is not None
            assert found.uid == watched.body("aws")["metadata"]["uid"]

    play(story)


def test_a_watch_that_ends_is_opened_again_where_it_was() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:
            watched.put("a")
            await watched.rest()
            watched.api.close_watches()
            watched.put("b")
            await watched.rest()
            assert secrets.find(Key("apps", "b")) is not None
        assert watched.api.count("list_page") == 1
        assert watched.changed == [Key("apps", "a"), Key("apps", "b")]

    play(story)


def test_a_watch_that_fell_behind_is_listed_again_and_what_happened_meanwhile_is_reported() -> None:
    async def story(watched: Watched) -> None:
        for name in ("kept", "gone", "edited"):
            watched.put(name)
        async with watched.informer() as secrets:
            watched.changed.clear()
            watched.api.delete_secret("gone")
            watched.put("edited", **{ENVIRONMENT: "x"})
            watched.put("new")
            watched.api.forget_history()
            watched.api.close_watches()
            await watched.rest()
            assert watched.api.count("list_page") == 2
            assert secrets.find(Key("apps", "gone")) is None
        assert sorted(key.name for key in watched.changed) == ["edited", "gone", "new"]

    play(story)


def test_a_new_list_does_not_forget_what_was_written_after_it_was_made() -> None:
    async def story(watched: Watched) -> None:
        watched.put("aws")
        async with watched.informer() as secrets:
            watched.changed.clear()
            written = watched.body("aws")
            written["metadata"] |= {"name": "late", "uid": "uid-late", "resourceVersion": str(watched.api.version + 9)}

            def write(call: Call) -> None:
                if call.verb == "list_page":
                    secrets.observe(written)

            watched.api.before_call = write
            watched.api.put_secret("theirs", {})
            watched.api.forget_history()
            watched.api.close_watches()
            await watched.rest()
            assert watched.api.count("list_page") == 2
            assert secrets.find(Key("apps", "late")) is not None
        assert watched.changed == []

    play(story)


def test_a_server_that_ends_every_watch_at_once_is_asked_with_pauses() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer():
            for _ in range(5):
                watched.api.close_watches()
                await watched.rest()
        assert watched.pauses == watched.api.count("watch_lines") - 1
        assert watched.api.count("list_page") == 1

    play(story)


def test_a_server_that_refuses_is_asked_again_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async def story(watched: Watched) -> None:
        watched.api.refusals["list_page", "secrets"] = ForbiddenError("could not list secrets: not allowed")
        async with watched.informer() as secrets:
            assert not secrets.listed.is_set()
            assert watched.pauses >= watched.api.count("list_page") - 1
            watched.api.refusals.clear()
            await watched.rest()
            assert secrets.listed.is_set()

    play(story)
    assert "could not list secrets: not allowed" in caplog.text


def test_an_answer_that_the_news_of_a_deletion_has_overtaken_brings_nothing_back() -> None:
    async def story(watched: Watched) -> None:
        watched.put("a")
        async with watched.informer() as secrets:
            before = watched.body("a")
            watched.api.delete_secret("a")
            await watched.rest()
            secrets.observe(before)
            assert secrets.find(Key("apps", "a")) is None
            watched.put("a")
            await watched.rest()
            assert secrets.find(Key("apps", "a")) is not None

    play(story)


def test_a_write_whose_answer_a_list_without_it_has_overtaken_brings_nothing_back() -> None:
    async def story(watched: Watched) -> None:
        key = Key("apps", "a")
        async with watched.informer() as secrets:
            with secrets.writing(key):
                watched.api.watches_are_late = True
                watched.put("a")
                answer = watched.body("a")
                watched.api.delete_secret("a")
                watched.api.forget_history()
                watched.api.catch_up()
                await watched.rest()
                secrets.observe(answer)
            assert secrets.find(key) is None
            assert watched.changed == [key]
            with secrets.writing(key):
                watched.put("a")
                await watched.rest()
                secrets.observe(watched.body("a"))
            assert secrets.find(key) is not None

    play(story)


def test_only_so_many_that_are_gone_are_remembered() -> None:
    async def story(watched: Watched) -> None:
        async with watched.informer() as secrets:
            for number in range(MOST_GONE + 10):
                secrets._take("DELETED", nothing_at(Key("a", f"{number}"), "5"))
            assert len(secrets._gone) == MOST_GONE

    play(story)


def test_an_api_server_that_refuses_for_a_moment_after_its_start_is_asked_again_at_once() -> None:
    async def story(watched: Watched) -> None:
        watched.put("a")
        async with watched.informer() as secrets:
            watched.api.refusals["watch_lines", "secrets"] = ForbiddenError("could not watch secrets: not allowed")
            lists, spans = watched.api.count("list_page"), []

            def on_pause(seconds: float) -> None:
                spans.append(seconds)
                if len(spans) == 1 + BLIPS:
                    watched.api.refusals.clear()

            watched.on_pause = on_pause
            watched.api.close_watches()
            await watched.rest()
            assert spans == [RECONNECT_SECONDS] * (1 + BLIPS)
            watched.put("b")
            await watched.rest()
            assert secrets.find(Key("apps", "b")) is not None
            assert watched.api.count("list_page") == lists

    play(story)


def test_a_namespace_that_refuses_is_not_waited_for_and_is_known_once_it_does_not() -> None:
    async def story(watched: Watched) -> None:
        watched.put("a", "one")
        watched.api.refusals["list_page", "secrets"] = ForbiddenError("could not list secrets: not allowed")
        async with watched.informer(["one", "two"]) as secrets:
            assert secrets.listed.is_set()
            assert secrets.find(Key("one", "a")) is None
            watched.api.refusals.clear()
            await watched.rest()
            assert secrets.find(Key("one", "a")) is not None
            assert watched.changed == [Key("one", "a")]

    play(story)


def test_metadata_of_any_secret_can_be_read() -> None:
    bare = {"metadata": {"namespace": "apps", "name": "x", "uid": "1", "resourceVersion": "7"}}
    seen = parse_secret_metadata(bare)
    assert (seen.managed, seen.owners, seen.environment, seen.record) == (False, (), "", None)


def test_a_wrong_namespace_or_name_is_not_found() -> None:
    async def story(watched: Watched) -> None:
        watched.put("aws")
        async with watched.informer() as secrets:
            assert secrets.find(Key("other", "aws")) is None
            secrets.forget(Key("other", "aws"))
            assert SECRETS.kind == "Secret"

    play(story)
