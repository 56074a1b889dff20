"""Whether a role's trust policy lets a web identity assume the role.

Pure: the policy document and the token's claims in, yes or no out. Knows the statement elements that such policies use;
a policy with a condition that it cannot evaluate lets nobody in, whatever its other statements say.
"""

import fnmatch
import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

ACTION = "sts:AssumeRoleWithWebIdentity"


def _like(actual: str, pattern: str) -> bool:
    # IAM knows * and ? only; fnmatch would take brackets for a set.
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), actual) is not None


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": operator.eq,
    "stringequalsignorecase": lambda actual, wanted: actual.lower() == wanted.lower(),
    "stringlike": _like,
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
}


class _UnknownOperatorError(Exception):
    """A condition that cannot be evaluated here."""


def allows(document: str, provider_arn: str, claims: Mapping[str, tuple[str, ...]]) -> bool:
    """`claims` are by condition key: the issuer without scheme, a colon, the claim's name."""
    try:
        policy = json.loads(document)
    except ValueError:
        return False
    statements = _listed(policy.get("Statement", []))
    try:
        applying = [
            statement.get("Effect")
            for statement in statements
            if _names_action(statement)
            and _names_provider(statement, provider_arn)
            and _conditions_hold(statement.get("Condition", {}), claims)
        ]
    except _UnknownOperatorError:
        return False
    return "Allow" in applying and "Deny" not in applying


def _names_action(statement: dict[str, Any]) -> bool:
    return any(_like(ACTION.lower(), action.lower()) for action in _listed(statement.get("Action", [])))


def _names_provider(statement: dict[str, Any], provider_arn: str) -> bool:
    principal = statement.get("Principal", {})
    return isinstance(principal, dict) and provider_arn in _listed(principal.get("Federated", []))


def _conditions_hold(conditions: dict[str, dict[str, Any]], claims: Mapping[str, tuple[str, ...]]) -> bool:
    # Names of condition keys do not mind their case.
    actual = {name.lower(): values for name, values in claims.items()}
    return all(
        _holds(test, actual.get(key.lower()), [str(value) for value in _listed(wanted)])
        for test, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(test: str, actual: tuple[str, ...] | None, wanted: list[str]) -> bool:
    quantifier, _, name = test.lower().rpartition(":")
    if name.endswith("ifexists"):
        if actual is None:
            return True
        name = name.removesuffix("ifexists")
    negated = name in _NEGATED
    matches = _OPERATORS.get(_NEGATED.get(name, name))
    if matches is None:
        raise _UnknownOperatorError(name)
    if actual is None:
        return negated or quantifier == "forallvalues"
    each = [any(matches(value, one) for one in wanted) != negated for value in actual]
    return all(each) if quantifier == "forallvalues" or negated else any(each)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
