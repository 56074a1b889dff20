"""How a Secret differs from what is written, what takes that off, and that messages of it cannot be forged."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from esc_operator.reconciliation.sync.difference import Difference, compare, excess, former_fields

OWNER = {"apiVersion": "esc-operator.dev/v1alpha1", "kind": "EscEnvironment", "name": "aws", "uid": "1"}
THEIRS = {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "2"}
WANTED: dict[str, Any] = {
    "metadata": {
        "labels": {"team": "red"},
        "annotations": {"esc-operator.dev/environment": "aws"},
        "ownerReferences": [OWNER],
    },
    "type": "Opaque",
    "data": {"A": "MQ=="},
}


def found(*, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    metadata = {**WANTED["metadata"], "resourceVersion": "7", **metadata}
    return {"metadata": metadata, "type": "Opaque", "data": data or WANTED["data"]}


def test_labels_annotations_and_owners_of_others_are_no_difference_and_stay() -> None:
    body = found(
        labels={"team": "red", "app": "web"},
        annotations={**WANTED["metadata"]["annotations"], "reflector.example.com/allowed": "true"},
        ownerReferences=[THEIRS, OWNER],
    )
    assert compare(body, WANTED, ()) is None
    assert excess(body, WANTED) is None


def test_what_is_ours_and_not_wanted_is_taken_off_that_very_version() -> None:
    body = found(
        data={"A": "MQ==", "EXTRA": "eA=="},
        labels={"team": "red", "esc-operator.dev/x": "1"},
        annotations={**WANTED["metadata"]["annotations"], "esc-operator.dev/holds": "rotator-states"},
        ownerReferences=[THEIRS, {**OWNER, "uid": "3"}, OWNER],
    )
    assert excess(body, WANTED) == {
        "metadata": {
            "resourceVersion": "7",
            "labels": {"esc-operator.dev/x": None},
            "annotations": {"esc-operator.dev/holds": None},
            "ownerReferences": [THEIRS, OWNER],
        },
        "data": {"EXTRA": None},
    }


def test_each_kind_of_difference_is_named() -> None:
    body = found(labels={}, annotations={}, ownerReferences=[{**OWNER, "name": "another"}])
    body["type"] = "kubernetes.io/tls"
    difference = compare(body, WANTED, {"EXTRA"})
    assert difference is not None
    assert difference.describe() == (
        'key "EXTRA", label "team", annotation "esc-operator.dev/environment", ownerReferences, type'
    )


def test_former_labels_of_ours_that_are_shared_are_taken_off_and_wanted_ones_are_not() -> None:
    shared = (("annotations", "note"), ("labels", "former"), ("labels", "team"))
    assert former_fields(shared, WANTED) == {"annotations": {"note": None}, "labels": {"former": None}}
    assert former_fields((("labels", "team"),), WANTED) is None


def test_many_names_are_counted() -> None:
    assert Difference(tuple("ABCDEFG")).describe() == 'key "A", key "B", key "C", key "D", key "E" and 2 more'


@given(st.text(max_size=300))
def test_a_name_of_somebody_elses_choice_stays_one_short_quoted_word(name: str) -> None:
    shown = Difference(managers=(name,)).describe_managers()
    quoted = shown.removeprefix("field manager ")
    assert quoted.startswith('"')
    assert quoted.endswith('"')
    assert quoted.count('"') == 2
    assert len(quoted) <= 66
    assert shown.isprintable()
