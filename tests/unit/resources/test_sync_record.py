"""Records survive their way through the API server, and a damaged one does no harm."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.resources import SYNC_RECORD
from esc_operator.resources.imported import Imported
from esc_operator.resources.sync_record import SyncRecord, digest_data, parse_sync_record
from unit.resources.strategies import json_values, records

B = Imported(1, "x")
WHOLE = SyncRecord("u", 1, "d", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None, "", {"b": B})


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
def test_what_is_read_of_a_record_can_be_sealed_and_reported(record: SyncRecord, name: str, value: Any) -> None:
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
