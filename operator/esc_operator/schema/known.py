"""Validation of values that are there.

Every keyword is checked and every failure reported, each at the sub-value that fails. The wording is upstream's,
oddities included.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext

from esc_operator.schema.instance import Finding, Instance
from esc_operator.schema.jsontext import Json, json_text
from esc_operator.schema.model import Schema, Unset
from esc_operator.schema.unknown import check_schema

_MOST_FINDINGS = 100
"""Reported failures of one validation; a wrong list of a million numbers needs no million lines."""


def validate(instance: Instance, accept: Schema) -> tuple[bool, list[Finding]]:
    """Whether `accept` accepts the value, and every failure found."""
    findings: list[Finding] = []
    accepted = _check(instance, accept, findings)
    return accepted, findings[:_MOST_FINDINGS]


def _check(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    if accept.is_always:
        return True
    if accept.is_never:
        # Upstream fails here without a word, and a call whose inputs have a property too many is silently unknown.
        findings.append(Finding(instance, "", "no value is allowed here"))
        return False
    if instance.is_unknown:
        return check_schema(instance, instance.schema, accept, findings)
    target = accept.target()
    results = (
        target is None or _check(instance, target, findings),
        _check_any_of(instance, accept, findings),
        _check_one_of(instance, accept, findings),
        _check_constants(instance, accept, findings),
        _check_type(instance, accept, findings),
    )
    return all(results)


def _check_any_of(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    if not accept.any_of:
        return True
    failures: list[Finding] = []
    matches = [_check(instance, option, failures) for option in accept.any_of]
    if any(matches):
        return True
    findings.extend(failures)
    return _fail(findings, instance, "at least one subschema must match")


def _check_one_of(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    if not accept.one_of:
        return True
    failures: list[Finding] = []
    matches = [_check(instance, option, failures) for option in accept.one_of].count(True)
    if matches > 1:
        return _fail(findings, instance, "exactly one subschema may match")
    if matches == 1:
        return True
    findings.extend(failures)
    return _fail(findings, instance, "exactly one subschema must match")


def _check_constants(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    accepted = True
    if not isinstance(accept.const, Unset) and not _equals(instance, accept.const):
        accepted = _fail(findings, instance, f"expected {json_text(accept.const)}")
    if accept.enum and not any(_equals(instance, option) for option in accept.enum):
        expected = json_text(accept.enum[0]) if len(accept.enum) == 1 else f"one of {json_text(accept.enum)}"
        accepted = _fail(findings, instance, f"expected {expected}")
    return accepted


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


def _check_type(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    found = instance.json_type
    if accept.type is not None and found != accept.type:
        return _fail(findings, instance, f"expected {accept.type}, got {found}")
    match found:
        case "number":
            return _check_number(instance, accept, findings)
        case "string":
            return _check_string(instance, accept, findings)
        case "array":
            return _check_array(instance, accept, findings)
        case "object":
            return _check_object(instance, accept, findings)
        case _:
            return True


def _check_number(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    number = _decimal(str(instance.reveal_scalar()))
    problems = []
    if accept.multiple_of and not _is_multiple(number, accept.multiple_of.value):
        problems.append(f"expected a multiple of {accept.multiple_of.text}")
    if accept.minimum and number < accept.minimum.value:
        problems.append(f"expected a number greater than or equal to {accept.minimum.text}")
    if accept.exclusive_minimum and number <= accept.exclusive_minimum.value:
        problems.append(f"expected a number greater than {accept.exclusive_minimum.text}")
    if accept.maximum and number > accept.maximum.value:
        # The missing space is upstream's.
        problems.append(f"expected a number less than or equal to{accept.maximum.text}")
    if accept.exclusive_maximum and number >= accept.exclusive_maximum.value:
        problems.append(f"expected a number less than {accept.exclusive_maximum.text}")
    return _fail_all(findings, instance, problems)


def _decimal(text: str) -> Decimal:
    """The number, or one as large as can be compared where its exponent is absurd."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")


def _is_multiple(number: Decimal, step: Decimal) -> bool:
    with localcontext() as context:
        context.prec = 60
        try:
            quotient = number / step
        except (DivisionByZero, InvalidOperation, Overflow):
            return False
        return quotient.is_finite() and (quotient.adjusted() > 50 or quotient == quotient.to_integral_value())


def _check_string(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    text = str(instance.reveal_scalar())
    length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    problems = []
    if accept.min_length is not None and length < accept.min_length:
        problems.append(f"expected a string of at least length {accept.min_length}")
    if accept.max_length is not None and length > accept.max_length:
        problems.append(f"expected a string of at most length {accept.max_length}")
    if accept.pattern is not None and not accept.pattern.matches(text):
        problems.append(f"string must match the pattern {json_text(accept.pattern.text)}")
    return _fail_all(findings, instance, problems)


def _check_array(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    elements = instance.elements
    problems = []
    if accept.min_items is not None and len(elements) < accept.min_items:
        problems.append(f"expected an array with at least {accept.min_items} items")
    if accept.max_items is not None and len(elements) > accept.max_items:
        problems.append(f"expected an array with at most {accept.max_items} items")
    accepted = _fail_all(findings, instance, problems)
    for index, element in enumerate(elements):
        accepted = _check(element, accept.of_item(index), findings) and accepted
    return accepted


def _check_object(instance: Instance, accept: Schema, findings: list[Finding]) -> bool:
    properties = instance.properties
    problems = []
    if accept.min_properties is not None and len(properties) < accept.min_properties:
        problems.append(f"expected an object with at least {accept.min_properties} properties")
    if accept.max_properties is not None and len(properties) > accept.max_properties:
        problems.append(f"expected an object with at most {accept.max_properties} properties")
    accepted = _fail_all(findings, instance, problems)
    for key in sorted(properties):
        accepted = _check(properties[key], accept.of_property(key), findings) and accepted
    missing = _missing(properties, accept)
    if missing:
        accepted = _fail(findings, instance, f"missing required properties: {', '.join(missing)}")
    return accepted


def _missing(properties: Mapping[str, Instance], accept: Schema) -> Sequence[str]:
    missing = [key for key in accept.required if key not in properties]
    for key, dependencies in accept.dependent_required.items():
        if key in properties:
            missing.extend(name for name in dependencies if name not in properties)
    return missing


def _fail_all(findings: list[Finding], instance: Instance, problems: list[str]) -> bool:
    findings.extend(Finding(instance, "", problem) for problem in problems)
    return not problems


def _fail(findings: list[Finding], instance: Instance, summary: str) -> bool:
    findings.append(Finding(instance, "", summary))
    return False
