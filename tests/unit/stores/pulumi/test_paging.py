"""Lists in pages: each form of them to its end, and those that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unit.stores.pulumi.operations import LISTED, NAMED, REVISION, TAG, E
from unit.stores.pulumi.service import PROD, FakeService, fails, replies, run

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer
from esc_operator.stores.pulumi.answers import DamagedError
from esc_operator.stores.pulumi.paging import MOST, Pages

if TYPE_CHECKING:
    from collections.abc import Sequence


def page(*names: str, following: str | None = None) -> HttpAnswer:
    content: dict[str, Any] = {"environments": [LISTED | {"name": name} for name in names]}
    return replies(200, content if following is None else content | {"nextToken": following})


@pytest.mark.parametrize("organization", ["", "acme"])
def test_environments_are_listed_to_the_last_page(organization: str) -> None:
    service = FakeService(page("a", "b", following="t/1&x"), page(following="t2"), page("c", following=""))
    found = run(service.cloud().list(organization))
    assert [str(each.name) for each in found] == ["acme/shop/a", "acme/shop/b", "acme/shop/c"]
    path = "api/esc/environments" + (f"/{organization}" if organization else "")
    assert service.lines == [
        f"GET {path}",
        f"GET {path}?continuationToken=t%2F1%26x",
        f"GET {path}?continuationToken=t2",
    ]


def test_an_environment_from_before_projects_is_in_the_default_one() -> None:
    (found,) = run(FakeService(replies(200, {"environments": [{"organization": "acme", "name": "x"}]})).cloud().list())
    assert (str(found.name), found.created) == ("acme/default/x", None)


@pytest.mark.parametrize("following", [["t1", "t1"], ["t1", "t2", "t1"]])
def test_a_list_that_begins_again_is_found_out(following: list[str]) -> None:
    service = FakeService(*(page("a", following=each) for each in following))
    failure = fails(service.cloud().list())
    assert failure.reason == "MalformedAnswer"
    assert "the next page is one that was read already" in failure.message


def test_a_list_that_never_ends_is_found_out() -> None:
    def takes(items: Sequence[int], pages: Pages[int]) -> None:
        for count in range(2 * MOST):
            pages.take(items, f"t{count}")

    for items in ((), range(20_000)):
        with pytest.raises(DamagedError, match="the list has more than 50000 entries or pages"):
            takes(items, Pages())


def revisions(*numbers: int) -> HttpAnswer:
    return replies(200, [REVISION | {"number": number} for number in numbers])


def test_revisions_are_paged_by_the_last_number() -> None:
    service = FakeService(revisions(9, 8), revisions(7, 3), revisions())
    found = run(service.cloud().revisions.list(PROD))
    assert [each.number for each in found] == [9, 8, 7, 3]
    assert [line.partition("?")[2] for line in service.lines] == [
        "before=0&count=500",
        "before=8&count=500",
        "before=3&count=500",
    ]


def test_nothing_is_asked_for_before_the_first_revision_or_beyond_what_is_wanted() -> None:
    service = FakeService(revisions(2, 1))
    assert len(run(service.cloud().revisions.list(PROD))) == 2
    assert len(service.asked) == 1
    service = FakeService(revisions(9, 8), revisions(7))
    assert [each.number for each in run(service.cloud().revisions.list(PROD, most=3))] == [9, 8, 7]
    assert service.lines[1].endswith("before=8&count=1")
    assert len(run(FakeService(revisions(9, 8, 7)).cloud().revisions.list(PROD, most=2))) == 2


@pytest.mark.parametrize("answers", [[revisions(3, 4)], [revisions(3, 3)], [revisions(5, 4), revisions(4, 3)]])
def test_revisions_out_of_order_are_damaged(answers: list[HttpAnswer]) -> None:
    assert "the revisions are not in order" in fails(FakeService(*answers).cloud().revisions.list(PROD)).message


def test_revision_tags_are_paged_by_the_last_name_until_a_page_is_empty() -> None:
    def tags(*names: str) -> HttpAnswer:
        return replies(200, {"tags": [NAMED | {"name": name} for name in names], "nextToken": "x"})

    service = FakeService(tags("a", "latest"), tags("stable"), tags())
    found = run(service.cloud().revision_tags.list(PROD))
    assert [(each.name, each.revision, each.by) for each in found] == [
        ("a", 3, "jane"),
        ("latest", 3, "jane"),
        ("stable", 3, "jane"),
    ]
    assert service.lines == [
        f"GET {E}/versions/tags?count=500",
        f"GET {E}/versions/tags?count=500&after=latest",
        f"GET {E}/versions/tags?count=500&after=stable",
    ]


def test_tags_of_an_environment_end_at_0() -> None:
    first = replies(200, {"tags": {"a": TAG | {"name": "a"}}, "nextToken": "17"})
    service = FakeService(first, replies(200, {"tags": {"b": TAG | {"name": "b"}}, "nextToken": "0"}))
    found = run(service.cloud().tags.list(PROD))
    assert [(each.name, each.value) for each in found] == [("a", "shop"), ("b", "shop")]
    assert service.lines == [f"GET {E}/tags?count=500", f"GET {E}/tags?count=500&after=17"]
    assert run(FakeService(replies(200, {"tags": {}, "nextToken": "17"})).cloud().tags.list(PROD)) == ()
