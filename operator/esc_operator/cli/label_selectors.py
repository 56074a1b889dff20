"""Parses selectors as kubectl's `-l`, `team=a,env!=dev,tier in (web,db),!legacy`, for an EscRotation. Pure."""

from __future__ import annotations

import re
from typing import Any

from esc_operator.errors import ConfigurationError

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"[-A-Za-z0-9_.]*"
_EQUAL = re.compile(rf"(?P<key>{_KEY})\s*(?P<sign>==|=|!=)\s*(?P<value>{_VALUE})")
_AMONG = re.compile(rf"(?P<key>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)")
_THERE = re.compile(rf"(?P<absent>!)?\s*(?P<key>{_KEY})")
_COMMA = re.compile(r",(?![^(]*\))")
"""A comma outside parentheses."""


def parse_label_selector(text: str) -> dict[str, Any]:
    """`matchLabels` and `matchExpressions` of a selector. Raises ConfigurationError."""
    labels: dict[str, str] = {}
    expressions: list[dict[str, Any]] = []
    for part in _COMMA.split(text):
        term = part.strip()
        if (found := _EQUAL.fullmatch(term)) and found["sign"] != "!=" and found["key"] not in labels:
            labels[found["key"]] = found["value"]
        else:
            expressions.append(_expression(term))
    return {
        **({"matchLabels": labels} if labels else {}),
        **({"matchExpressions": expressions} if expressions else {}),
    }


def _expression(term: str) -> dict[str, Any]:
    if found := _AMONG.fullmatch(term):
        values = [value.strip() for value in found["values"].split(",")]
        if all(re.fullmatch(_VALUE, value) for value in values):
            return {"key": found["key"], "operator": "In" if found["word"] == "in" else "NotIn", "values": values}
    if found := _EQUAL.fullmatch(term):
        return {"key": found["key"], "operator": "NotIn" if found["sign"] == "!=" else "In", "values": [found["value"]]}
    if found := _THERE.fullmatch(term):
        return {"key": found["key"], "operator": "DoesNotExist" if found["absent"] else "Exists"}
    raise ConfigurationError(
        f'"{term}" is not a label selector: write key=value, key!=value, key in (a,b), key notin (a,b), key or !key'
    )
