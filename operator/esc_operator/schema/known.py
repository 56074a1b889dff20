"""Validation of values that are there.

Every keyword is checked and every failure reported, each at the sub-value that fails. The wording is upstream's,
oddities included.
"""

from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final

from esc_operator.schema.budget import Budget
from esc_operator.schema.instance import Finding, Instance
from esc_operator.schema.jsontext import Json, json_text
from esc_operator.schema.model import Schema, Unset
from esc_operator.schema.numbers import problems_of_number
from esc_operator.schema.unknown import check_schema

_MOST_FINDINGS: Final = 100
"""Reported failures of one validation: a wrong list of a million numbers needs no million lines."""


def validate(instance: Instance, accept: Schema) -> tuple[bool, list[Finding]]:
    """Whether `accept` accepts the value, and every failure found."""
    if accept.is_always:
        return True, []
    budget = Budget()
    check = _Check([], budget)
    accepted = check.value(instance, accept)
    findings = check.findings[:_MOST_FINDINGS]
    if budget.is_exhausted:
        return False, [Finding(instance, "", "the schema is too complex to be checked")]
    return accepted, findings


class _Check:
    """Checks whose failures are noted in one list. A method a group of keywords; each says whether it is satisfied."""

    def __init__(self, findings: list[Finding], budget: Budget) -> None:
        self.findings: Final = findings
        self._budget: Final = budget

    def value(self, instance: Instance, accept: Schema) -> bool:
        if accept.is_always:
            return True
        if instance.is_unknown:
            return check_schema(instance, accept, self.findings, self._budget)
        if accept.is_never:
            # Upstream fails here without a word.
            return self._fail(instance, "no value is allowed here")
        if not self._budget.enter():
            return False
        target = accept.target()
        satisfied = (
            target is None or self.value(instance, target),
            self._any_of(instance, accept),
            self._one_of(instance, accept),
            self._constants(instance, accept),
            self._type(instance, accept),
        )
        self._budget.leave()
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
        attempt = _Check(failures, self._budget)
        return [attempt.value(instance, option) for option in options].count(True), failures

    def _constants(self, instance: Instance, accept: Schema) -> bool:
        satisfied = True
        if not isinstance(accept.const, Unset) and not _equals(instance, accept.const):
            satisfied = self._fail(instance, f"expected {json_text(accept.const)}")
        if accept.enum and not any(_equals(instance, option) for option in accept.enum):
            expected = json_text(accept.enum[0]) if len(accept.enum) == 1 else f"one of {json_text(accept.enum)}"
            satisfied = self._fail(instance, f"expected {expected}")
        return satisfied

    def _type(self, instance: Instance, accept: Schema) -> bool:
        found = instance.json_type
        if accept.type is not None and found != accept.type:
            return self._fail(instance, f"expected {accept.type}, got {found}")
        match found:
            case "number":
                return self._fail_each(instance, problems_of_number(str(instance.reveal_scalar()), accept))
            case "string":
                return self._fail_each(instance, _problems_of_string(str(instance.reveal_scalar()), accept))
            case "array":
                return self._array(instance, accept)
            case "object":
                return self._object(instance, accept)
            case _:
                return True

    def _array(self, instance: Instance, accept: Schema) -> bool:
        elements = instance.elements
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
            satisfied = self._fail(instance, f"missing required properties: {', '.join(missing)}")
        return satisfied

    def _property(self, key: str, within: Instance, accept: Schema) -> bool:
        schema, instance = accept.of_property(key), within.properties[key]
        if schema.is_never and key not in accept.properties:
            # Upstream fails here without a word: a call with an input too many is silently unknown.
            summary = f"property {encode_basestring(key)} is not allowed"
            self.findings.append(Finding(instance, "", summary, within))
            return False
        return self.value(instance, schema)

    def _fail(self, instance: Instance, summary: str) -> bool:
        self.findings.append(Finding(instance, "", summary))
        return False

    def _fail_each(self, instance: Instance, problems: list[str]) -> bool:
        self.findings.extend(Finding(instance, "", problem) for problem in problems)
        return not problems


def _equals(instance: Instance, constant: Json) -> bool:
    if instance.is_unknown:
        return False
    if isinstance(constant, Mapping):
        properties = instance.properties
        return (
            instance.json_type == "object"
            and len(properties) == len(constant)
            and all(key in properties and _equals(properties[key], value) for key, value in constant.items())
        )
    if isinstance(constant, str) or constant is None or isinstance(constant, bool):
        found = instance.reveal_scalar()
        return type(found) is type(constant) and found == constant and instance.json_type not in ("array", "object")
    elements = instance.elements
    return (
        instance.json_type == "array"
        and len(elements) == len(constant)
        and all(_equals(element, value) for element, value in zip(elements, constant, strict=True))
    )


def _problems_of_string(text: str, accept: Schema) -> list[str]:
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
    problems = []
    if accept.min_length is not None and length < accept.min_length:
        problems.append(f"expected a string of at least length {accept.min_length}")
    if accept.max_length is not None and length > accept.max_length:
        problems.append(f"expected a string of at most length {accept.max_length}")
    if accept.pattern is not None and not accept.pattern.matches(text):
        problems.append(f"string must match the pattern {encode_basestring(accept.pattern.text)}")
    return problems


def _missing(properties: Mapping[str, Instance], accept: Schema) -> Sequence[str]:
    missing = [key for key in accept.required if key not in properties]
    for key, dependencies in accept.dependent_required.items():
        if key in properties:
            missing.extend(name for name in dependencies if name not in properties)
    return missing
