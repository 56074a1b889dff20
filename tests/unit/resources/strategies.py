"""Conditions, statuses and records, as hypothesis draws them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from esc_operator.resources.conditions import (
    Condition,
)
from esc_operator.resources.imported import Imported
from esc_operator.resources.status import LoginStatus, SecretVersion, Status
from esc_operator.resources.sync_record import SyncRecord
from esc_operator.resources.warnings import StatusWarning

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
    logins=st.lists(st.builds(LoginStatus, names, st.text(max_size=5)), max_size=3).map(tuple),
    secret_versions=st.lists(st.builds(SecretVersion, names, names, note=st.text(max_size=5)), max_size=3).map(tuple),
    warnings=st.lists(st.builds(StatusWarning, names, st.text(max_size=50)), max_size=3).map(tuple),
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
