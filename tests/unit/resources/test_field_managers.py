"""Who manages what, as the API server writes it down, and as anybody may have emptied or damaged it."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.resources.field_managers import (
    DATA,
    LABELS,
    applied_names,
    other_managers,
    shared_names,
)


def entry(manager: str, operation: str = "Apply", /, **data: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:data": {".": {}, **{f"f:{key}": {} for key in data}}}
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def test_what_is_applied_shared_and_managed_by_others_is_told_apart() -> None:
    metadata = {
        "managedFields": [
            entry("esc-operator", A=1, B=1),
            entry("esc-operator", "Update", C=1),
            entry("kubectl-patch", "Update", B=1, D=1),
        ]
    }
    assert applied_names(metadata, *DATA) == {"A", "B"}
    assert shared_names(metadata, *DATA) == {"B"}
    assert other_managers(metadata, frozenset({"D"}), *DATA) == {"kubectl-patch"}
    assert other_managers(metadata, frozenset({"A"}), *DATA) == frozenset()
    assert applied_names(metadata, *LABELS) == frozenset()


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"managedFields": None},
        {"managedFields": [{}]},
        {"managedFields": [{"manager": "esc-operator", "operation": "Apply", "fieldsV1": None}]},
        {"managedFields": [{"manager": "esc-operator", "operation": "Apply", "fieldsV1": {"f:data": 1}}]},
    ],
)
def test_what_is_missing_is_nobodys(metadata: dict[str, Any]) -> None:
    assert applied_names(metadata, *DATA) == shared_names(metadata, *DATA) == frozenset()
