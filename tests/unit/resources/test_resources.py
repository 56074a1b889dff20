"""Specs, statuses, conditions and records survive their way through the API server, and a damaged one does no harm."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.formats import durations
from esc_operator.formats.durations import format_duration, parse_duration
from esc_operator.formats.times import format_optional_time, format_time, parse_time
from esc_operator.manifests import environment_spec
from esc_operator.manifests.crds import definitions, environment_crd
from esc_operator.manifests.environment_spec import REFUSED_TYPES
from esc_operator.resources import GROUP, SYNC_RECORD, reasons
from esc_operator.resources.conditions import (
    MAX_MESSAGE,
    Condition,
    carry_transition_times,
    find_condition,
    parse_condition,
    shorten,
)
from esc_operator.resources.environment import Key, parse_environment
from esc_operator.resources.imported import Imported
from esc_operator.resources.status import Login, Status, parse_status
from esc_operator.resources.sync_record import SyncRecord, digest_data, parse_sync_record
from esc_operator.resources.versions import is_older

ROOT = Path(__file__).resolve().parents[3]
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

seconds = st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)
names = st.text(min_size=1, max_size=12)
generations = st.integers(0, 2**53)
conditions = st.builds(
    Condition,
    type=names,
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=st.text(max_size=10),
    message=st.text(max_size=50),
    observed_generation=generations,
    last_transition_time=st.none() | seconds,
)
statuses = st.builds(
    Status,
    conditions=st.lists(conditions, max_size=3).map(tuple),
    observed_generation=generations,
    observed_rotate_request=st.text(max_size=5),
    observed_rotation=st.text(max_size=5),
    secret_name=st.text(max_size=5),
    secret_resource_version=st.text("0123456789", max_size=5),
    variables=st.lists(names, max_size=3).map(tuple),
    expires_at=st.none() | seconds,
    refreshed_at=st.none() | seconds,
    next_refresh_at=st.none() | seconds,
    failures=st.integers(0, 10**6),
    last_failure_at=st.none() | seconds,
    imports=st.dictionaries(names, st.builds(Imported, generations, names), max_size=3),
    logins=st.lists(st.builds(Login, names, st.text(max_size=5)), max_size=3).map(tuple),
)
records = st.builds(
    SyncRecord,
    uid=names,
    generation=generations,
    digest=names,
    refreshed_at=seconds,
    issued_at=seconds,
    expires_at=st.none() | seconds,
    rotate_request=st.text(max_size=9),
    imports=st.dictionaries(names, st.builds(Imported, generations, names), max_size=3),
    rereads=st.booleans(),
    rotation=st.text(max_size=9),
    leaves_pods=st.booleans(),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(conditions)
def test_a_condition_survives(condition: Condition) -> None:
    assert parse_condition(condition.to_dict()) == condition


@given(statuses)
def test_a_status_survives_and_tells_every_field(status: Status) -> None:
    stored = status.to_dict()
    assert parse_status(json.loads(json.dumps(stored))) == status
    # What lies behind imports is told beside them.
    assert len(stored) == len(fields(Status)) + 1
    # A merge patch drops what is None; nothing else may mean the same.
    assert parse_status({name: value for name, value in stored.items() if value is not None}) == status


@pytest.mark.parametrize("data", [None, {}, {"conditions": None, "imports": None, "failures": None}])
def test_an_absent_status_is_one_that_was_never_written(data: dict[str, Any] | None) -> None:
    assert replace(parse_status(data), imports=None) == Status()


@given(records)
def test_a_sync_record_survives(record: SyncRecord) -> None:
    assert parse_sync_record({SYNC_RECORD: record.to_annotation(), "other": "x"}) == record


@given(records, st.data())
def test_a_sync_record_that_someone_has_damaged_is_none(record: SyncRecord, data: st.DataObject) -> None:
    fields_of = json.loads(record.to_annotation())
    needed = ["uid", "generation", "digest", "refreshedAt", "issuedAt"]
    del fields_of[data.draw(st.sampled_from(needed))]
    assert parse_sync_record({SYNC_RECORD: json.dumps(fields_of)}) is None


@given(st.text() | json_values.map(json.dumps))
def test_no_annotation_whatever_breaks_the_reader(text: str) -> None:
    read = parse_sync_record({SYNC_RECORD: text})
    assert read is None or isinstance(read, SyncRecord)


@given(records, st.sampled_from([field.name for field in fields(SyncRecord) if field.init]), json_values)
def test_no_value_of_a_field_breaks_the_reader_or_what_is_read(record: SyncRecord, name: str, value: Any) -> None:
    stored = json.loads(record.to_annotation())
    camel = re.sub(r"_(.)", lambda match: match.group(1).upper(), name)
    read = parse_sync_record({SYNC_RECORD: json.dumps({**stored, camel: value})})
    if read is not None:
        assert parse_sync_record({SYNC_RECORD: read.to_annotation()}) == read


B = Imported(1, "x")
WHOLE = SyncRecord("u", 1, "d", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None, "", {"b": B})


@pytest.mark.parametrize(
    ("told", "instead"),
    [
        ('"salt":""', r'"salt":"\ud800"'),
        ('"uid":"u"', r'"uid":"\udfff"'),
        ('"digest":"d"', '"digest":["d"]'),
        ('"imports":{"b":1}', '"imports":{"b":1e999}'),
        ('"importUids":{"b":"x"}', '"importUids":{"b":["x"]}'),
        ('"importUids":{"b":"x"}', '"importUids":["x"]'),
        ('"generation":1', '"generation":Infinity'),
        ('"generation":1', f'"generation":{2**63}'),
        ('"issuedAt":"2026-01-01T00:00:00Z"', '"issuedAt":"0001-01-01T00:00:00+14:00"'),
        ('"expiresAt":null', '"expiresAt":"9999-12-31T23:59:59-14:00"'),
        ('"expiresAt":null', f'"expiresAt":{"[" * 100_000}'),
    ],
    ids=lambda text: text[:30],
)
def test_a_record_with_which_nothing_could_be_done_is_none(told: str, instead: str) -> None:
    text = WHOLE.to_annotation()
    assert parse_sync_record({SYNC_RECORD: text}) == WHOLE
    assert told in text
    assert parse_sync_record({SYNC_RECORD: text.replace(told, instead)}) is None


@given(records, st.sampled_from([field.name for field in fields(SyncRecord) if field.init]), json_values)
def test_what_is_read_of_a_record_can_be_sealed_and_told(record: SyncRecord, name: str, value: Any) -> None:
    stored = json.loads(record.to_annotation())
    camel = re.sub(r"_(.)", lambda match: match.group(1).upper(), name)
    read = parse_sync_record({SYNC_RECORD: json.dumps({**stored, camel: value})})
    if read is not None:
        assert read.seal
        assert read.revision


@pytest.mark.parametrize("annotations", [None, {}, {SYNC_RECORD: ""}, {SYNC_RECORD: "[]"}, {SYNC_RECORD: "null"}])
def test_no_record_is_none(annotations: dict[str, str] | None) -> None:
    assert parse_sync_record(annotations) is None


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.dictionaries(st.text(max_size=5), st.text()))
def test_a_digest_tells_data_apart_and_not_their_order(one: dict[str, str], other: dict[str, str]) -> None:
    assert (digest_data(one) == digest_data(other)) == (one == other)
    assert digest_data(dict(reversed(one.items()))) == digest_data(one)


@given(st.lists(conditions, max_size=4, unique_by=lambda each: each.type), st.lists(conditions, max_size=4), seconds)
def test_a_transition_time_moves_only_when_the_status_does(
    old: list[Condition], new: list[Condition], now: datetime
) -> None:
    for before, after in zip(new, carry_transition_times(new, old, now), strict=True):
        known = find_condition(old, before.type)
        same = known and known.status == before.status and known.last_transition_time
        assert after.last_transition_time == (same or now)
        assert replace(after, last_transition_time=None) == replace(before, last_transition_time=None)


def test_a_long_message_is_cut() -> None:
    long = Condition("Ready", "True", "Synced", "x" * 5000, 1).to_dict()["message"]
    assert len(long) == MAX_MESSAGE
    assert long.endswith("…")
    assert shorten("short") == "short"


@given(st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_is_stored_in_whole_seconds_and_never_later(time: datetime) -> None:
    stored = parse_time(format_time(time))
    assert stored is not None
    assert timedelta(0) <= time - stored < SECOND


@pytest.mark.parametrize("text", [None, "", "soon", "2026-13-01T00:00:00Z"])
def test_an_unreadable_time_is_none(text: str | None) -> None:
    assert parse_time(text) is None
    assert format_optional_time(None) is None


def test_a_time_without_a_zone_is_utc_and_another_zone_is_understood() -> None:
    assert parse_time("2026-05-01T12:00:00") == START
    assert parse_time("2026-05-01T14:00:00+02:00") == START


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("45m", 45 * 60),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("1m1m", 120),
        ("0s", 0),
    ],
)
def test_durations_are_read_as_go_writes_them(text: str, value: float) -> None:
    assert parse_duration(text) == timedelta(seconds=value)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 h", "1d", "1h\n", "\uff11h", "1.h", "1h30"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write it like 45m, 1h30m or 90s"):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=100)))
def test_a_duration_for_people_has_at_most_two_units_and_loses_less_than_the_smaller(span: timedelta) -> None:
    parts = re.findall(r"(\d+)([dhms])", format_duration(span))
    assert 1 <= len(parts) <= 2
    sizes = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    told = timedelta(seconds=sum(int(count) * sizes[unit] for count, unit in parts))
    assert timedelta(0) <= span - told < timedelta(days=1)


def test_a_span_that_is_over_is_none() -> None:
    assert format_duration(timedelta(seconds=-5)) == "0s"
    assert format_duration(timedelta(hours=1, minutes=5, seconds=9)) == "1h5m"


def test_an_environment_has_its_defaults() -> None:
    environment = parse_environment({"metadata": {"namespace": "apps", "name": "aws", "uid": "u"}, "spec": {}})
    assert environment.key == Key("apps", "aws")
    assert str(environment.key) == "apps/aws"
    assert environment.target_key == Key("apps", "aws")
    assert (environment.target.type, environment.target.deletion_policy) == ("Opaque", "Delete")
    assert environment.account == Key("apps", "default")
    assert environment.refresh.interval == timedelta(hours=1)
    assert (environment.refresh.before, environment.rotate_request, environment.suspend) == (None, ("", ""), False)


def test_everything_an_owner_writes_is_read_and_the_definition_does_not_show() -> None:
    environment = parse_environment(
        {
            "metadata": {
                "namespace": "apps",
                "name": "aws",
                "uid": "u",
                "generation": 4,
                "annotations": {f"{GROUP}/rotate-requested-at": "now"},
            },
            "spec": {
                "environment": {"values": {"password": "hunter2"}},
                "serviceAccountName": "web",
                "refresh": {"interval": "10m", "before": "5m"},
                "target": {
                    "name": "creds",
                    "type": "kubernetes.io/basic-auth",
                    "labels": {"a": "b"},
                    "annotations": {"c": "d"},
                    "deletionPolicy": "Retain",
                },
                "suspend": True,
            },
        }
    )
    assert environment.definition == {"values": {"password": "hunter2"}}
    assert "hunter2" not in repr(environment)
    assert environment.target_key == Key("apps", "creds")
    assert environment.refresh.before == timedelta(minutes=5)
    assert (environment.generation, environment.rotate_request, environment.suspend) == (4, ("now", ""), True)
    assert environment.target.deletion_policy == "Retain"


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [("9", "10", True), ("10", "9", False), ("7", "7", False), ("x", "9", False), ("9", "", False)],
)
def test_versions_are_compared_as_numbers_and_of_others_nothing_is_known(
    version: str, than: str, *, older: bool
) -> None:
    assert is_older(version, than) is older


@pytest.mark.parametrize("body", definitions(), ids=lambda body: body["spec"]["names"]["plural"])
def test_the_file_in_crds_is_what_the_code_declares(body: dict[str, Any]) -> None:
    text = (ROOT / "crds" / f"{body['spec']['names']['plural']}.yaml").read_text()
    assert yaml.safe_load(text) == body
    assert text.startswith("# ")
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AliasToken)], "people read it"


def test_the_folder_of_definitions_holds_these_and_no_others() -> None:
    files = [f"{body['spec']['names']['plural']}.yaml" for body in definitions()]
    assert sorted(path.name for path in (ROOT / "crds").glob("*.yaml")) == sorted(files)
    assert yaml.safe_load((ROOT / "crds" / "Kustomization").read_text())["resources"] == sorted(files)


def test_the_schema_has_a_property_for_every_field_of_a_status() -> None:
    version = environment_crd()["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    schema = version["schema"]["openAPIV3Schema"]
    assert set(schema["properties"]["status"]["properties"]) == {*Status().to_dict(), "rotation"}


def test_types_of_secrets_that_hand_out_rights_are_refused_by_the_schema() -> None:
    target = environment_spec._target()["properties"]["type"]
    assert all(f"self != '{kind}'" in target["x-kubernetes-validations"][0]["rule"] for kind in REFUSED_TYPES)
    assert environment_spec._duration("x", "1s")["pattern"] == durations.PATTERN


def test_each_reason_is_camel_case_and_documented() -> None:
    source = Path(reasons.__file__).read_text()
    declared = {name: value for name, value in vars(reasons).items() if name.isupper()}
    assert declared
    for name, value in declared.items():
        assert re.fullmatch(r"([A-Z][a-z]+)+", value), value
        assert re.search(rf'^{name} = "{value}".*\n"""\S', source, re.MULTILINE), f"{name} has no docstring"
    assert len(set(declared.values())) == len(declared)
