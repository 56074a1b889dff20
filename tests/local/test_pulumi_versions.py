"""Revisions are immutable and numbered; tags, retractions and etags are as Pulumi Cloud has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.pulumi_world import E

if TYPE_CHECKING:
    from local.pulumi_world import World


@pytest.fixture
def three(pulumi: World) -> World:
    """Its environment has the revisions 1 (empty), 2, 3 and 4, in which `a` is the revision's number."""
    assert [pulumi.put(f"values: {{a: {number}}}") for number in (2, 3, 4)] == [2, 3, 4]
    return pulumi


def test_a_new_environment_is_its_empty_first_revision(pulumi: World) -> None:
    assert pulumi.ask("POST", "/api/esc/environments/acme", {"project": "shop", "name": "prod"}).status == 200
    read = pulumi.ask("GET", E)
    assert (read.status, read.body, read.headers["pulumi-esc-revision"]) == (200, b"", "1")
    again = pulumi.ask("POST", "/api/esc/environments/acme", {"project": "shop", "name": "prod"})
    assert again.refusal == (409, "Conflict: environment 'acme/shop/prod' already exists")


def test_an_update_makes_a_revision_unless_nothing_changed(pulumi: World) -> None:
    pulumi.put("values: {a: 2}")
    for text, revision in (("values: {a: 2}", "2"), ("values: {a: 3}", "3"), ("values: {a: 3}", "3")):
        updated = pulumi.ask("PATCH", E, text)
        assert (updated.status, updated.headers["pulumi-esc-revision"]) == (200, revision)
    assert [one["number"] for one in pulumi.ask("GET", f"{E}/versions").content] == [3, 2, 1]


@pytest.mark.parametrize("header", ["ETag", "If-Match"])
def test_an_update_of_what_has_changed_meanwhile_is_refused(three: World, header: str) -> None:
    stale = three.ask("GET", f"{E}/versions/3").headers["etag"]
    refused = three.ask("PATCH", E, "values: {a: 5}", headers={header: stale})
    assert refused.refusal == (409, "Conflict: the environment has changed since it was read")
    fresh = three.ask("HEAD", E).headers["etag"]
    assert three.ask("PATCH", E, "values: {a: 5}", headers={header: fresh}).headers["pulumi-esc-revision"] == "5"


def test_a_definition_with_errors_is_refused_with_their_places_and_makes_no_revision(three: World) -> None:
    refused = three.ask("PATCH", E, "values:\n  a: ${b}\n")
    assert refused.status == 400
    (diagnostic,) = refused.content["diagnostics"]
    assert diagnostic["summary"] == 'unknown property "b"'
    assert diagnostic["range"]["environment"] == "shop/prod"
    assert diagnostic["range"]["begin"] == {"line": 2, "column": 8, "byte": 15}
    assert three.ask("GET", E).headers["pulumi-esc-revision"] == "4"


def test_a_version_is_a_number_a_tag_or_latest(three: World) -> None:
    three.cloud.tag("acme", "shop/prod", "stable", 3)
    for version, number in (("2", 2), ("stable", 3), ("latest", 4), ("4", 4)):
        assert three.values(f"{E}/versions/{version}") == {"a": number}
        assert three.open(f"{E}/versions/{version}").headers["pulumi-esc-revision"] == str(number)
    assert three.open(f"{E}/versions/9").refusal == (
        404,
        "Not Found: revision 9 of environment 'acme/shop/prod' not found",
    )
    assert three.open(f"{E}/versions/beta").refusal == (
        404,
        "Not Found: revision tag 'beta' of environment 'acme/shop/prod' not found",
    )


def test_a_tag_that_moves_is_another_revision(three: World) -> None:
    tags = f"{E}/versions/tags"
    assert three.ask("POST", tags, {"name": "stable", "revision": 2}).status == 204
    assert three.ask("POST", tags, {"name": "stable", "revision": 2}).status == 409
    assert three.values(f"{E}/versions/stable") == {"a": 2}
    assert three.ask("PATCH", f"{tags}/stable", {"revision": 4}).status == 204
    assert three.values(f"{E}/versions/stable") == {"a": 4}
    assert three.ask("GET", f"{tags}/stable").content["revision"] == 4
    assert three.ask("DELETE", f"{tags}/stable").status == 204
    assert three.ask("GET", f"{tags}/stable").status == 404
    assert three.ask("PATCH", f"{tags}/stable", {"revision": 4}).status == 404


def test_latest_is_built_in(three: World) -> None:
    tag = three.ask("GET", f"{E}/versions/tags/latest").content
    assert (tag["name"], tag["revision"]) == ("latest", 4)
    for method in ("PATCH", "DELETE"):
        refused = three.ask(method, f"{E}/versions/tags/latest", {"revision": 2})
        assert refused.refusal == (400, "Bad Request: the tag 'latest' is built in and cannot be changed")
    assert three.ask("POST", f"{E}/versions/tags", {"name": "latest", "revision": 2}).status == 409


def test_a_tag_cannot_look_like_a_revision(three: World) -> None:
    assert three.ask("POST", f"{E}/versions/tags", {"name": "7", "revision": 2}).status == 400


def test_a_retracted_revision_is_refused_with_its_replacement(three: World) -> None:
    body = {"reason": "leaked", "replacement": 4}
    assert three.ask("POST", f"{E}/versions/3/retract", body).status == 204
    words = (
        "Bad Request: revision 3 of environment 'acme/shop/prod' has been retracted (leaked); its replacement is"
        " revision 4"
    )
    for answer in (
        three.open(f"{E}/versions/3"),
        three.ask("GET", f"{E}/versions/3"),
        three.ask("GET", f"{E}/versions/3/decrypt"),
        three.ask("POST", f"{E}/versions/3/check"),
        three.ask("POST", f"{E}/versions/3/retract", {}),
        three.ask("POST", f"{E}/versions/tags", {"name": "old", "revision": 3}),
    ):
        assert answer.refusal == (400, words)
    (listed,) = [one for one in three.ask("GET", f"{E}/versions").content if one["number"] == 3]
    assert listed["retracted"] | {"at": ""} == {
        "replacement": 4,
        "at": "",
        "byLogin": "ada",
        "byName": "ada",
        "reason": "leaked",
    }


def test_tags_of_a_retracted_revision_point_to_its_replacement(three: World) -> None:
    three.cloud.tag("acme", "shop/prod", "stable", 3)
    three.cloud.tag("acme", "shop/prod", "old", 2)
    three.cloud.retract("acme", "shop/prod", 3)
    assert three.values(f"{E}/versions/stable") == {"a": 2}  # the nearest one before it
    three.cloud.retract("acme", "shop/prod", 2, 4)
    assert three.values(f"{E}/versions/stable") == {"a": 4}
    assert three.values(f"{E}/versions/old") == {"a": 4}


def test_the_latest_revision_and_the_first_without_replacement_cannot_be_retracted(three: World) -> None:
    assert three.ask("POST", f"{E}/versions/4/retract", {}).refusal == (
        400,
        "Bad Request: the latest revision of an environment cannot be retracted; update the environment first",
    )
    words = "Bad Request: revision 1 has no replacement; name another revision"
    assert three.ask("POST", f"{E}/versions/1/retract", {}).refusal == (400, words)
    assert three.ask("POST", f"{E}/versions/1/retract", {"replacement": 2}).status == 204


def test_a_pinned_import_stays_and_one_that_follows_does_not(three: World) -> None:
    three.cloud.tag("acme", "shop/prod", "stable", 2)
    for version, wanted in (("@2", 2), ("@stable", 2), ("", 4), ("@latest", 4)):
        three.put(f"imports: [shop/prod{version}]", "shop/importer")
        assert three.values(E.replace("prod", "importer")) == {"a": wanted}
    three.cloud.tag("acme", "shop/prod", "stable", 3)
    three.put("imports: [shop/prod@stable]", "shop/importer")
    assert three.values(E.replace("prod", "importer")) == {"a": 3}
    three.put("imports: [shop/prod@7]", "shop/importer")
    (diagnostic,) = three.open(E.replace("prod", "importer")).content["diagnostics"]
    assert "revision 7 of environment 'acme/shop/prod' not found" in diagnostic["summary"]


def test_revisions_and_tags_come_in_pages_of_the_servers_choice(three: World) -> None:
    three.cloud.change(page_size=2)
    pages, before = [], 0
    while page := three.ask("GET", f"{E}/versions?before={before}&count=500").content:
        pages.append([one["number"] for one in page])
        before = page[-1]["number"]
    assert pages == [[4, 3], [2, 1]]
    for name in ("a", "b", "c"):
        assert three.ask("POST", f"{E}/tags", {"name": name, "value": "1"}).status == 200
    listed, after = [], ""
    while after != "0":
        page = three.ask("GET", f"{E}/tags?after={after}&count=500").content
        listed.append(list(page["tags"]))
        after = page["nextToken"]
    assert listed == [["a", "b"], ["c"]]


def test_environments_come_in_pages_until_there_is_no_token(three: World) -> None:
    three.cloud.change(page_size=2)
    for name in ("a", "b", "c", "d"):
        three.put("", f"shop/{name}")
    names, token = [], None
    while token != "":
        query = f"?continuationToken={token}" if token else ""
        page = three.ask("GET", f"/api/esc/environments/acme{query}").content
        names.append([one["name"] for one in page["environments"]])
        token = page["nextToken"]
    assert names == [["a", "b"], ["c", "d"], ["prod"]]
    assert three.ask("GET", "/api/esc/environments/acme?continuationToken=x").status == 400


def test_a_protected_environment_is_not_deleted_and_a_deleted_one_can_be_restored(three: World) -> None:
    assert three.ask("PATCH", f"{E}/settings", {"deletionProtected": True}).status == 200
    refused = three.ask("DELETE", E)
    assert refused.refusal == (409, "Conflict: environment 'acme/shop/prod' is protected from deletion")
    assert three.ask("PATCH", f"{E}/settings", {"deletionProtected": False}).status == 200
    assert three.ask("DELETE", E).status == 200
    assert three.open().refusal == (404, "Not Found: environment 'acme/shop/prod' not found")
    (deleted,) = three.ask("GET", "/api/esc/environments/acme/restore").content["environments"]
    again = {"project": "shop", "name": "prod", "deletionTimestamp": deleted["deletedAt"]}
    assert three.ask("PUT", "/api/esc/environments/acme/restore", again).status == 204
    assert three.values() == {"a": 4}
    assert three.ask("PUT", "/api/esc/environments/acme/restore", again).status == 404


def test_a_clone_has_what_was_asked_for(three: World) -> None:
    three.cloud.tag("acme", "shop/prod", "stable", 3)
    three.ask("POST", f"{E}/tags", {"name": "team", "value": "web"})
    assert three.ask("POST", f"{E}/clone", {"name": "bare"}).status == 204
    bare = E.replace("prod", "bare")
    assert [one["number"] for one in three.ask("GET", f"{bare}/versions").content] == [1]
    assert three.values(bare) == {"a": 4}
    assert three.ask("GET", f"{bare}/tags").content["tags"] == {}
    everything = {"preserveHistory": True, "preserveEnvironmentTags": True, "preserveRevisionTags": True}
    assert three.ask("POST", f"{E}/clone", {"project": "back", "name": "all", **everything}).status == 204
    full = E.replace("shop/prod", "back/all")
    assert three.values(f"{full}/versions/stable") == {"a": 3}
    assert list(three.ask("GET", f"{full}/tags").content["tags"]) == ["team"]
    assert three.ask("POST", f"{E}/clone", {"name": "bare"}).status == 409
