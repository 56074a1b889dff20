"""Validation of known values.

Every keyword is checked and every failure reported, each at the sub-value that fails. The wording is upstream's,
oddities included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final

from esc_operator.formats.spelling import Known, Speller
from esc_operator.schema.checks import CHECK, Checks, free
from esc_operator.schema.instance import Finding, Instance
from esc_operator.schema.jsontext import Json, json_text
from esc_operator.schema.model import Schema, Unset
from esc_operator.schema.numbers import problems_of_number
from esc_operator.schema.unknown import check_schema

if TYPE_CHECKING:
    from esc_operator.schema.checks import Charge

_LONGEST_QUOTE: Final = 1000
"""Characters of a schema or of names that one message repeats."""
_MOST_FINDINGS: Final = 100
"""Reported failures of one validation: a wrong list of a million numbers needs no million lines."""


def validate(
    instance: Instance, accept: Schema, charge: Charge = free, speller: Speller | None = None
) -> tuple[bool, list[Finding]]:
    """Whether `accept` accepts the value, and every failure found. `speller` suggests properties. Raises what `charge`
    raises."""
    if accept.is_always:
        return True, []
    checks = Checks(charge)
    check = _Check([], checks, speller)
    accepted = check.value(instance, accept)
    findings = check.findings[:_MOST_FINDINGS]
    if checks.is_exhausted:
        return False, [Finding(instance, "", "the schema is too complex to be checked")]
    return accepted, findings


class _Check:
    """Checks whose failures are noted in one list. A method a group of keywords; each says whether it is satisfied."""

    def __init__(self, findings: list[Finding], checks: Checks, speller: Speller | None) -> None:
        self.findings: Final = findings
        self._checks: Final = checks
        self._speller: Final = speller

    def value(self, instance: Instance, accept: Schema) -> bool:
        if accept.is_always:
            return True
        if instance.is_unknown:
            return check_schema(instance, accept, self.findings, self._checks)
        if accept.is_never:
            # Upstream fails here without a word.
            return self._fail(instance, "no value is allowed here")
        if not self._checks.enter():
            return False
        target = accept.target()
        satisfied = (
            target is None or self.value(instance, target),
            self._any_of(instance, accept),
            self._one_of(instance, accept),
            self._constants(instance, accept),
            self._type(instance, accept),
        )
        self._checks.leave()
        return all(satisfied)

    def _any_of(self, instance: Instance, accept: Schema) -> bool:
        if not accept.any_of:
            return True
        matches, failures = self._alternatives(instance, accept.any_of)
        if matches:
            return True
        self.findings.extend(failures)
        return self._fail(instance, "at least one subschema must match")

    def _one_of(self, instance: Instance, accept: Schema) -> bool:
        if not accept.one_of:
            return True
        matches, failures = self._alternatives(instance, accept.one_of)
        if matches == 1:
            return True
        if matches > 1:
            return self._fail(instance, "exactly one subschema may match")
        self.findings.extend(failures)
        return self._fail(instance, "exactly one subschema must match")

    def _alternatives(self, instance: Instance, options: Sequence[Schema]) -> tuple[int, list[Finding]]:
        """How many of the options accept the value, and why the others do not."""
        failures: list[Finding] = []
        attempt = _Check(failures, self._checks, self._speller)
        return [attempt.value(instance, option) for option in options].count(True), failures

    def _constants(self, instance: Instance, accept: Schema) -> bool:
        satisfied = True
        if not isinstance(accept.const, Unset) and not self._equals(instance, accept.const):
            satisfied = self._fail(instance, f"expected {self._written(accept.const)}")
        if accept.enum and not any(self._equals(instance, option) for option in accept.enum):
            one = len(accept.enum) == 1
            expected = self._written(accept.enum[0]) if one else f"one of {self._written(accept.enum)}"
            satisfied = self._fail(instance, f"expected {expected}")
        return satisfied

    def _equals(self, instance: Instance, constant: Json) -> bool:
        self._checks.charge(1)
        if instance.is_unknown:
            return False
        if isinstance(constant, Mapping):
            properties = instance.properties
            return (
                instance.json_type == "object"
                and len(properties) == len(constant)
                and all(key in properties and self._equals(properties[key], value) for key, value in constant.items())
            )
        if isinstance(constant, str) or constant is None or isinstance(constant, bool):
            found = instance.reveal_scalar()
            return type(found) is type(constant) and found == constant and instance.json_type not in ("array", "object")
        elements = instance.elements
        return (
            instance.json_type == "array"
            and len(elements) == len(constant)
            and all(self._equals(element, value) for element, value in zip(elements, constant, strict=True))
        )

    def _written(self, constant: Json) -> str:
        """The constant as JSON, as far as anybody would read it."""
        self._checks.charge(_parts(constant))
        return _cut(json_text(constant))

    def _type(self, instance: Instance, accept: Schema) -> bool:
        found = instance.json_type
        if accept.type is not None and found != accept.type:
            return self._fail(instance, f"expected {accept.type}, got {found}")
        match found:
            case "number":
                text = str(instance.reveal_scalar())
                self._checks.charge(len(text) // 8)
                return self._fail_each(instance, problems_of_number(text, accept))
            case "string":
                text = str(instance.reveal_scalar())
                return self._fail_each(instance, _problems_of_string(text, accept, self._checks))
            case "array":
                return self._array(instance, accept)
            case "object":
                return self._object(instance, accept)
            case _:
                return True

    def _array(self, instance: Instance, accept: Schema) -> bool:
        elements = instance.elements
        self._checks.charge(len(elements))
        problems = []
        if accept.min_items is not None and len(elements) < accept.min_items:
            problems.append(f"expected an array with at least {accept.min_items} items")
        if accept.max_items is not None and len(elements) > accept.max_items:
            problems.append(f"expected an array with at most {accept.max_items} items")
        satisfied = self._fail_each(instance, problems)
        for index, element in enumerate(elements):
            satisfied = self.value(element, accept.of_item(index)) and satisfied
        return satisfied

    def _object(self, instance: Instance, accept: Schema) -> bool:
        properties = instance.properties
        self._checks.charge(2 * len(properties) + len(accept.required) + len(accept.dependent_required))
        problems = []
        if accept.min_properties is not None and len(properties) < accept.min_properties:
            problems.append(f"expected an object with at least {accept.min_properties} properties")
        if accept.max_properties is not None and len(properties) > accept.max_properties:
            problems.append(f"expected an object with at most {accept.max_properties} properties")
        satisfied = self._fail_each(instance, problems)
        for key in sorted(properties):
            satisfied = self._property(key, instance, accept) and satisfied
        missing = _missing(properties, accept)
        if missing:
            self._checks.charge(len(missing))
            satisfied = self._fail(instance, f"missing required properties: {_cut(', '.join(missing))}")
        return satisfied

    def _property(self, key: str, within: Instance, accept: Schema) -> bool:
        schema, instance = accept.of_property(key), within.properties[key]
        if schema.is_never and key not in accept.properties:
            # Upstream fails here without a word: a call with an input too many is silently unknown.
            summary = f"property {_cut(encode_basestring(key))} is not allowed"
            if self._speller is not None:
                summary += self._speller.hint(key, Known(accept.properties, "the properties are"))
            self._checks.charge(CHECK + len(summary) // 32)
            self.findings.append(Finding(instance, "", summary, within))
            return False
        return self.value(instance, schema)

    def _fail(self, instance: Instance, summary: str) -> bool:
        self._checks.charge(CHECK + len(summary) // 32)
        self.findings.append(Finding(instance, "", summary))
        return False

    def _fail_each(self, instance: Instance, problems: list[str]) -> bool:
        for problem in problems:
            self._fail(instance, problem)
        return not problems


def _parts(constant: Json) -> int:
    """Units of work to write a constant: its parts, and its text."""
    if isinstance(constant, str):
        return 1 + len(constant) // 32
    if isinstance(constant, Mapping):
        return 1 + sum(1 + len(key) // 32 + _parts(value) for key, value in constant.items())
    if constant is None or isinstance(constant, bool):
        return 1
    return 1 + sum(_parts(item) for item in constant)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"


def _problems_of_string(text: str, accept: Schema, checks: Checks) -> list[str]:
    length = len(text)
    if not (accept.min_length is accept.max_length is None or text.isascii()):
        checks.charge(length // 32)
        length = len(text.encode("utf-8", "surrogateescape"))
    problems = []
    if accept.min_length is not None and length < accept.min_length:
        problems.append(f"expected a string of at least length {accept.min_length}")
    if accept.max_length is not None and length > accept.max_length:
        problems.append(f"expected a string of at most length {accept.max_length}")
    if accept.pattern is not None and not accept.pattern.matches(text, checks.charge):
        problems.append(f"string must match the pattern {_cut(encode_basestring(accept.pattern.text))}")
    return problems


def _missing(properties: Mapping[str, Instance], accept: Schema) -> Sequence[str]:
    missing = [key for key in accept.required if key not in properties]
    for key, dependencies in accept.dependent_required.items():
        if key in properties:
            missing.extend(name for name in dependencies if name not in properties)
    return missing
