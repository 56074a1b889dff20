"""The local Pulumi Cloud opens what it keeps: sessions that end, providers, imports, unknowns, rotations."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.pulumi_world import E, World, plain

if TYPE_CHECKING:
    from local_aws import LocalAws

ROTATING = "values: {key: {'fn::rotate::numbered': {inputs: {prefix: key-}}}}"
TIMED = "values: {login: {'fn::open::timed': {value: hunter2, lifetime: 90s}}}"


def read(world: World, session: str, path: str = E, query: str = "") -> Any:
    return world.ask("GET", f"{path}/open/{session}{query}")


def test_an_open_environment_tells_values_flags_and_places(pulumi: World) -> None:
    pulumi.put("values: {host: db}", "shop/base")
    pulumi.put("imports: [base]\nvalues:\n  host: other\n  password: {fn::secret: hunter2}\n")
    session = pulumi.open(f"{E}").content["id"]
    properties = read(pulumi, session).content["properties"]
    place = {"line": 3, "column": 9, "byte": 32}
    base = properties["host"]["trace"]["base"]
    assert (properties["host"]["value"], properties["host"]["trace"]["def"]["begin"]) == ("other", place)
    assert (base["value"], base["trace"]["def"]["environment"]) == ("db", "shop/base")
    assert (properties["password"]["value"], properties["password"]["secret"]) == ("hunter2", True)
    assert "secret" not in properties["host"]


def test_a_property_is_read_by_its_path(pulumi: World) -> None:
    pulumi.put('values: {a: {"b.c": [1, {d: x}]}}')
    session = pulumi.open().content["id"]
    for path, wanted in (('a["b.c"][1].d', "x"), ('a["b.c"][0]', 1), ("a", {"b.c": [1, {"d": "x"}]})):
        # Pulumi's own client doubles the slash.
        answer = pulumi.ask("GET", f"{E}/open//{session}?property={quote(path)}")
        assert plain(answer.content) == wanted
    assert read(pulumi, session, query="?property=a.b").refusal == (404, "Not Found: path 'a.b' not found")
    assert read(pulumi, session, query="?property=a[").status == 400


def test_a_session_is_of_its_environment_and_ends(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    pulumi.put("values: {a: 1}", "shop/other")
    session = pulumi.open().content["id"]
    assert read(pulumi, session).status == 200
    gone = (404, f"Not Found: open session '{session}' not found")
    assert read(pulumi, session, E.replace("prod", "other")).refusal == gone
    assert pulumi.cloud.end_sessions() == 1
    assert read(pulumi, session).refusal == gone
    short = pulumi.ask("POST", f"{E}/open?duration=5m").content["id"]
    assert read(pulumi, short).status == 200
    pulumi.clock.ahead = 300
    assert read(pulumi, short).status == 404
    for duration in ("soon", "-1h", "0s"):
        refused = pulumi.ask("POST", f"{E}/open?duration={duration}")
        assert refused.refusal == (400, "Bad Request: invalid query parameter 'duration'")


def test_a_text_is_opened_and_checked_without_being_kept(pulumi: World) -> None:
    anonymous = "/api/esc/environments/acme/yaml"
    opened = pulumi.ask("POST", f"{anonymous}/open", "values: {a: {fn::secret: x}, b: '${a}y'}")
    session = opened.content["id"]
    values = read(pulumi, session, anonymous).content["properties"]
    assert {name: plain(value) for name, value in values.items()} == {"a": "x", "b": "xy"}
    assert read(pulumi, session).status == 404
    checked = pulumi.ask("POST", f"{anonymous}/check", "values: {a: {fn::secret: x}}").content
    assert checked["properties"]["a"]["value"] == "[secret]"
    shown = pulumi.ask("POST", f"{anonymous}/check?showSecrets=true", "values: {a: {fn::secret: x}}").content
    assert shown["properties"]["a"]["value"] == "x"
    refused = pulumi.ask("POST", f"{anonymous}/open", "values:\n  a: ${b}\n")
    assert refused.status == 400
    assert refused.content["diagnostics"][0]["range"]["environment"] == "<yaml>"
    assert pulumi.ask("GET", "/api/esc/environments/acme").content["environments"] == []


def test_an_unchanged_environment_is_evaluated_once_and_each_open_is_a_session_of_its_own(pulumi: World) -> None:
    pulumi.put("values: {a: 1}", "shop/base")
    pulumi.put("imports: [base]")
    sessions = {pulumi.open().content["id"] for _ in range(3)}
    assert len(sessions) == 3
    assert pulumi.cloud.cloud.evaluations.evaluated == 1
    pulumi.put("values: {a: 2}", "shop/base")
    assert pulumi.values() == {"a": 2}
    pulumi.cloud.delete("acme", "shop/base")
    assert pulumi.open().status == 400
    pulumi.put("values: {a: 3}", "shop/base")
    assert pulumi.values() == {"a": 3}


def test_what_is_opened_is_opened_anew_each_time_and_says_when_it_ends(pulumi: World) -> None:
    pulumi.put(TIMED)
    first, second = pulumi.values()["login"], pulumi.values()["login"]
    assert (first["value"], second["value"]) == ("hunter2", "hunter2")
    assert second["opened"] == first["opened"] + 1
    assert 0 < datetime.fromisoformat(second["expiration"]).timestamp() - time.time() <= 90


def test_a_provider_that_fails_is_a_diagnostic_at_its_place(pulumi: World) -> None:
    pulumi.put("values:\n  login:\n    fn::open::timed: {value: 1, failing: the store is closed}\n")
    refused = pulumi.open()
    (diagnostic,) = refused.content["diagnostics"]
    assert (refused.status, diagnostic["range"]["begin"]["line"]) == (400, 3)
    assert "the store is closed" in diagnostic["summary"]


def test_aws_login_opens_against_the_local_aws_as_the_environment(pulumi: World, aws: LocalAws) -> None:
    cloud = pulumi.cloud
    aws.trust(cloud.issuer, cloud.ca_file)
    role = aws.create_role("from-pulumi", cloud.issuer, "pulumi:environments:org:acme:env:shop/prod")
    cloud.set_environment(aws.environment)
    text = f"values: {{aws: {{'fn::open::aws-login': {{oidc: {{roleArn: {role}, sessionName: shop}}}}}}}}"
    pulumi.put(text)
    assert set(pulumi.values()["aws"]) >= {"accessKeyId", "secretAccessKey", "sessionToken"}
    assert aws.mints().by_role[role] == 1
    pulumi.put(text, "shop/other")
    (diagnostic,) = pulumi.open(E.replace("prod", "other")).content["diagnostics"]
    assert "to pulumi:environments:org:acme:env:shop/other" in diagnostic["summary"]


def test_a_hidden_property_is_unknown_to_its_readers(pulumi: World) -> None:
    pulumi.put("values: {a: {b: 1, c: 2}}")
    assert pulumi.values() == {"a": {"b": 1, "c": 2}}
    pulumi.cloud.hide("acme", "shop/prod", "a.b")
    session = pulumi.open().content["id"]
    hidden = read(pulumi, session, query="?property=a.b").content
    assert (hidden["value"], hidden["unknown"]) == (None, True)
    assert read(pulumi, session, query="?property=a.c").content["value"] == 2
    pulumi.cloud.unhide()
    assert pulumi.values() == {"a": {"b": 1, "c": 2}}


def test_older_services_leave_nulls_out(pulumi: World) -> None:
    pulumi.put("values: {a: null, b: ''}")
    newer = read(pulumi, pulumi.open().content["id"]).content["properties"]
    pulumi.cloud.change(has_new_values=False)
    older = read(pulumi, pulumi.open().content["id"]).content["properties"]
    assert (newer["a"]["value"], newer["b"]["value"]) == (None, "")
    assert ("value" in older["a"], older["b"]["value"]) == (False, "")


def test_an_open_tells_its_revision_unless_it_is_not_to(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    assert pulumi.open().headers["pulumi-esc-revision"] == "2"
    pulumi.cloud.change(tells_revision_on_open=False)
    assert "pulumi-esc-revision" not in pulumi.open().headers


def test_secrets_are_sealed_when_they_are_read_and_may_be_written_back_so(pulumi: World) -> None:
    text = "values: # mine\n  a: {fn::secret: hunter2}\n"
    pulumi.ask("POST", "/api/esc/environments/acme", {"project": "shop", "name": "prod"})
    assert pulumi.ask("PATCH", E, text).headers["pulumi-esc-revision"] == "2"
    sealed = pulumi.ask("GET", E)
    assert b"hunter2" not in sealed.body
    assert pulumi.ask("GET", f"{E}/decrypt").body.decode() == text
    assert pulumi.ask("PATCH", E, sealed.body).headers["pulumi-esc-revision"] == "2"
    pulumi.ask("PATCH", E, sealed.body + b"  b: ${a}x\n")
    assert pulumi.values() == {"a": "hunter2", "b": "hunter2x"}
    strange = b"values: {a: {fn::secret: {ciphertext: ZXNjeAAAAAEAAAAAAAAAAA==}}}"
    assert pulumi.ask("PATCH", E, strange).status == 400


def test_a_rotation_is_a_new_revision_and_an_event(pulumi: World) -> None:
    pulumi.put(ROTATING)
    assert pulumi.values() == {"key": {"current": "key-0"}}
    event = pulumi.ask("POST", f"{E}/rotate", {"Paths": []}).content["secretRotationEvent"]
    assert (event["status"], event["preRotationRevision"], event["postRotationRevision"]) == ("succeeded", 2, 3)
    assert [(one["environmentPath"], one["status"]) for one in event["rotations"]] == [("key", "succeeded")]
    assert pulumi.values() == {"key": {"current": "key-1"}}
    assert pulumi.values(f"{E}/versions/2") == {"key": {"current": "key-0"}}
    assert pulumi.ask("GET", f"{E}/rotate/history").content["events"] == [event]


def test_a_rotation_is_of_the_paths_that_are_asked_for_and_tells_what_failed(pulumi: World) -> None:
    pulumi.put(
        "values:\n"
        "  a: {'fn::rotate::numbered': {inputs: {prefix: a}}}\n"
        "  b: {'fn::rotate::numbered': {inputs: {prefix: b, failing: the database is closed}}}\n"
    )
    event = pulumi.ask("POST", f"{E}/rotate", {"paths": ["a"]}).content["secretRotationEvent"]
    assert [one["environmentPath"] for one in event["rotations"]] == ["a"]
    event = pulumi.ask("POST", f"{E}/rotate", {}).content["secretRotationEvent"]
    assert event["status"] == "failed"
    told = {one["environmentPath"]: (one["status"], one.get("errorMessage", "")) for one in event["rotations"]}
    assert told["a"] == ("succeeded", "")
    assert told["b"][0] == "failed"
    assert "the database is closed" in told["b"][1]
    pulumi.cloud.change(rotation_is_enabled=False)
    refused = pulumi.ask("POST", f"{E}/rotate", {})
    assert refused.refusal == (403, "Forbidden: secret rotation is not enabled for this organization")
