from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import StoreError
from esc_operator.stores.references import Reference, is_part, parse_reference, qualify


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("aws", Reference("aws")),
        ("apps/aws", Reference("aws", "apps")),
        ("cluster/apps/aws", Reference("aws", "apps", "cluster")),
        ("apps/aws@7", Reference("aws", "apps", version="7")),
        ("aws:stable", Reference("aws", version="stable")),
        (
            "arn:aws:eks:eu-west-1:1:cluster/prod/apps/aws",
            Reference("aws", "apps", "arn:aws:eks:eu-west-1:1:cluster/prod"),
        ),
        ("admin@kind/apps/aws", Reference("aws", "apps", "admin@kind")),
    ],
)
def test_a_reference_has_up_to_four_parts(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    ["", "/", "a/", "/a", "//a", "/a/b", "o//b", "../x", "a/..", "a/../b", ".hidden", "a b", "a\0", "@1", "a/b\n"],
)
def test_what_is_no_reference_is_refused_and_reported(text: str) -> None:
    with pytest.raises(StoreError, match="is not a reference to an environment") as caught:
        parse_reference(text)
    assert caught.value.reason == "InvalidReference"


@given(st.text(max_size=20))
def test_no_reference_can_climb_out_of_a_folder(text: str) -> None:
    try:
        reference = parse_reference(text)
    except StoreError:
        return
    assert is_part(reference.name)
    assert "/" not in reference.full_name.replace("/", "", 1)
    assert ".." not in reference.full_name.split("/")


@pytest.mark.parametrize(
    ("name", "importer", "full_name"),
    [
        ("base", "apps/aws", "apps/base"),
        ("base", "aws", "default/base"),
        ("other/base@2", "apps/aws", "other/base@2"),
        ("a b", "apps/aws", "a b"),
    ],
)
def test_an_import_without_a_project_means_the_importers(name: str, importer: str, full_name: str) -> None:
    assert qualify(name, importer) == full_name
