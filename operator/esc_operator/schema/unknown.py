"""Validation of values that are not known yet: is their schema compatible with the accepted one?

Types, references, alternatives and structure are compared; constants and ranges are not. Of several alternatives, on
either side, one that fits is enough, since the value may yet turn out to be that one.
"""

from collections.abc import Sequence
from typing import Final

from esc_operator.schema.checks import CHECK, Checks
from esc_operator.schema.instance import Finding, Instance
from esc_operator.schema.model import ALWAYS, Schema


def check_schema(blamed: Instance, accept: Schema, findings: list[Finding], checks: Checks) -> bool:
    """Whether an unknown value may be accepted; failures are blamed on the value, with the path inside it."""
    return _Comparison(blamed, findings, checks).check(blamed.schema, accept, "")


class _Comparison:
    def __init__(self, blamed: Instance, findings: list[Finding], checks: Checks) -> None:
        self._blamed: Final = blamed
        self._findings: Final = findings
        self._checks: Final = checks

    def check(self, found: Schema, accept: Schema, path: str) -> bool:
        if accept.is_always or found.is_never:
            return True
        if accept.is_never:
            # Upstream fails here without a word.
            return self._fail(path, "no value is allowed here")
        if found.is_always:
            return True
        if not self._checks.enter():
            return False
        accept_target, found_target = accept.target(), found.target()
        satisfied = (
            accept_target is None or self.check(found, accept_target, path),
            found_target is None or self.check(found_target, accept, path),
            self._one_fits([(option, accept) for option in found.any_of], path),
            self._one_fits([(option, accept) for option in found.one_of], path),
            self._types_fit(found, accept, path),
            self._one_fits([(found, option) for option in accept.any_of], path),
            self._one_fits([(found, option) for option in accept.one_of], path),
            found.type != "array" or self._arrays_fit(found, accept, path),
            found.type != "object" or self._objects_fit(found, accept, path),
        )
        self._checks.leave()
        return all(satisfied)

    def _one_fits(self, pairs: Sequence[tuple[Schema, Schema]], path: str) -> bool:
        if not pairs:
            return True
        failures: list[Finding] = []
        attempt = _Comparison(self._blamed, failures, self._checks)
        fits = [attempt.check(found, accept, path) for found, accept in pairs]
        if any(fits):
            return True
        self._findings.extend(failures)
        return self._fail(path, "at least one subschema must match")

    def _types_fit(self, found: Schema, accept: Schema, path: str) -> bool:
        if found.type is None or accept.type is None or found.type == accept.type:
            return True
        return self._fail(path, f"expected {accept.type}, got {found.type}")

    def _arrays_fit(self, found: Schema, accept: Schema, path: str) -> bool:
        """Elements at the same place must fit; where one side names fewer, its `items` stands for the rest."""
        fits = True
        longer = max(len(found.prefix_items), len(accept.prefix_items))
        self._checks.charge(CHECK * longer)
        for index in range(longer):
            fits = self.check(found.of_item(index), accept.of_item(index), f"{path}[{index}]") and fits
        if found.items is not None and not found.items.is_never:
            fits = self.check(found.items, accept.items or ALWAYS, path) and fits
        return fits

    def _objects_fit(self, found: Schema, accept: Schema, path: str) -> bool:
        fits = True
        self._checks.charge(CHECK * len(found.properties))
        for key in sorted(found.properties):
            fits = self.check(found.properties[key], accept.of_property(key), _join(path, key)) and fits
        if found.additional_properties is None:
            return self._required_fit(found, accept, path) and fits
        if not found.additional_properties.is_never:
            accepted = accept.additional_properties or ALWAYS
            fits = self.check(found.additional_properties, accepted, path) and fits
        return fits

    def _required_fit(self, found: Schema, accept: Schema, path: str) -> bool:
        self._checks.charge(len(accept.required) + len(accept.dependent_required))
        required = list(accept.required)
        for key, dependencies in accept.dependent_required.items():
            if key in found.required:
                required.extend(dependencies)
        fits = True
        for key in required:
            if key not in found.required:
                fits = self._fail(_join(path, key), "missing required property")
        return fits

    def _fail(self, path: str, summary: str) -> bool:
        self._checks.charge(CHECK + len(path) // 32)
        self._findings.append(Finding(self._blamed, path, summary))
        return False


def _join(root: str, key: str) -> str:
    if key.isidentifier() and key.isascii():
        return f"{root}.{key}" if root else key
    escaped = key.replace('"', '\\"')
    return f'{root}["{escaped}"]'
