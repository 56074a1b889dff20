"""What may be wrong with the name of an AWS region. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from esc_operator.evaluation import InputProblem
from esc_operator.providers.aws import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Regions are added, so only what cannot be a part of a host's name is refused; botocore refuses the same.
_REGION = re.compile(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{1,63}(?<!-)")
_LONGEST = 80


def region_problems(inputs: Mapping[str, Any], *within: str, name: str = "region") -> Iterator[InputProblem]:
    """`within` is the path of these inputs, `name` the one that names a region."""
    region = inputs.get(name)
    if isinstance(region, str) and not _REGION.fullmatch(region):
        yield InputProblem((*within, name), invalid_region(region, name), reasons.INVALID_REGION)


def invalid_region(region: str, name: str = "region") -> str:
    # As a whole or not at all: see `arns`.
    shown = f'"{region}"' if len(region) <= _LONGEST else f"a text of {len(region)} characters"
    return f"{shown} is not an AWS region: set `{name}` to one such as eu-west-1"
