"""The shape of each builtin's argument: one clause a builtin.

Here only the form is looked at (how many operands, which must be literals); what a call means is in
`evaluation.builtins`, under the same name. A clause never refuses: a missing operand is None and evaluates to an
unknown.
"""

from collections.abc import Callable, Mapping
from typing import Final

from esc_operator.lang import reasons
from esc_operator.lang.declarations import Array, Call, Expression, Interpolation, Literal, Object, Reference
from esc_operator.lang.diagnostics import Diagnostic
from esc_operator.lang.findings import Findings
from esc_operator.lang.nodes import Node
from esc_operator.lang.quoting import quote

OPEN_PREFIX: Final = "fn::open::"
ROTATE_PREFIX: Final = "fn::rotate::"

_OPERANDS: Final = frozenset({"provider", "inputs", "state", "schema", "value"})

Clause = Callable[[Node, str, Expression, Findings], Call]


def _error(expression: Expression, summary: str) -> Diagnostic:
    return expression.node.error(summary, reasons.INVALID_EXPRESSION)


def _missing(
    argument: Expression, summary: str, operand: str, given: Mapping[str, Expression], diagnostics: Findings
) -> Diagnostic:
    """Reports that an operand is missing, and the key that was probably meant to be it."""
    others = [key for key in given if key not in _OPERANDS]
    found = _error(argument, summary)
    if (meant := diagnostics.speller.meant(operand, others)) is None:
        return found
    return found._replace(detail=f"write {quote(operand)} in place of {quote(meant)}")


def _whole_argument(node: Node, name: str, argument: Expression, _: Findings) -> Call:
    """`fn::x: <any expression>`"""
    return Call(node, name, name, {"value": argument})


def _delimited(second: str) -> Clause:
    """`fn::x: [<delimiter>, <second>]`"""

    def read(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
        if isinstance(argument, Array) and len(argument.elements) == 2:
            return Call(node, name, name, {"delimiter": argument.elements[0], second: argument.elements[1]})
        diagnostics.append(_error(argument, f"the argument to {name} must be a two-valued list"))
        return Call(node, name, name, {"delimiter": None, second: None})

    return read


def _concat(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
    """`fn::concat: [<array>, ...]`"""
    if not isinstance(argument, Array):
        diagnostics.append(_error(argument, f"the argument to {name} must be an array of arrays"))
    return Call(node, name, name, {"arrays": argument})


def _secret(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
    """`fn::secret: <string literal>` or `fn::secret: {ciphertext: <string literal>}`"""
    if isinstance(argument, Object) and len(argument.entries) == 1:
        key, _, ciphertext = argument.entries[0]
        if key == "ciphertext" and isinstance(ciphertext, Literal) and isinstance(ciphertext.value, str):
            return Call(node, name, name, {"ciphertext": ciphertext})
    if isinstance(argument, Literal) and isinstance(argument.value, str):
        return Call(node, name, name, {"plaintext": argument})
    diagnostics.append(_error(argument, "secret values must be string literals")._replace(detail=_no_literal(argument)))
    return Call(node, name, name, {"plaintext": Literal(argument.node, "")})


def _no_literal(argument: Expression) -> str:
    """What to write instead. Never repeats the argument, which was meant to be a secret."""
    if isinstance(argument, Reference):
        return (
            "a reference to a secret is secret already: write the reference itself, and fn::secret where the value is"
        )
    if isinstance(argument, Interpolation):
        return (
            "a text with a reference to a secret in it is secret already: write the text itself, and fn::secret where "
            "the value is; for a text that has ${ in it, write $${"
        )
    if isinstance(argument, Call):
        return "what is made of a secret is secret already: write the call itself, and fn::secret where the value is"
    if isinstance(argument, Literal):
        return "write the value in quotes"
    return "give each text in it a fn::secret of its own, or write all of it as one text and read it with fn::fromJSON"


def _validate(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
    """`fn::validate: {schema: <any>, value: <any>}`"""
    if not isinstance(argument, Object):
        diagnostics.append(
            _error(argument, f"the argument to {name} must be an object containing 'schema' and 'value'")
        )
        return Call(node, name, name, {"schema": None, "value": None})
    given = _last_of_each(argument)
    missing = [operand for operand in ("schema", "value") if operand not in given]
    diagnostics.extend(
        _missing(argument, f"missing required property '{operand}'", operand, given, diagnostics) for operand in missing
    )
    return Call(node, name, name, {"schema": given.get("schema"), "value": given.get("value")})


def _open(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
    """`fn::open: {provider: <string literal>, inputs: <any>}`"""
    if not isinstance(argument, Object):
        diagnostics.append(
            _error(argument, f"the argument to {name} must be an object containing 'provider' and 'inputs'")
        )
        return Call(node, name, name, {"inputs": None})
    given = _last_of_each(argument)
    provider = _provider(argument, given, diagnostics)
    return Call(node, name, name, {"inputs": _inputs(argument, given, diagnostics)}, provider)


def read_short_open(node: Node, name: str, argument: Expression, _: Findings) -> Call:
    """`fn::open::NAME: <inputs>`"""
    return Call(node, "fn::open", name, {"inputs": argument}, name.removeprefix(OPEN_PREFIX))


def _rotate(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
    """`fn::rotate: {provider: <string literal>, inputs: <any>, state: <object literal>}`; no state is null."""
    if not isinstance(argument, Object):
        diagnostics.append(
            _error(argument, f"the argument to {name} must be an object containing 'provider', 'inputs' and 'state'")
        )
        return Call(node, name, name, {"inputs": None, "state": None})
    given = _last_of_each(argument)
    provider = _provider(argument, given, diagnostics)
    return Call(node, name, name, _rotation_operands(argument, given, diagnostics), provider)


def read_short_rotate(node: Node, name: str, argument: Expression, diagnostics: Findings) -> Call:
    """`fn::rotate::NAME: {inputs: <any>, state: <object literal>}`"""
    if not isinstance(argument, Object):
        diagnostics.append(
            _error(argument, "the argument to fn::rotate must be an object containing 'inputs' and 'state'")
        )
        return Call(node, "fn::rotate", name, {"inputs": None, "state": None})
    operands = _rotation_operands(argument, _last_of_each(argument), diagnostics)
    return Call(node, "fn::rotate", name, operands, name.removeprefix(ROTATE_PREFIX))


def _last_of_each(argument: Object) -> dict[str, Expression]:
    return {entry.key: entry.value for entry in argument.entries}


def _provider(argument: Object, given: Mapping[str, Expression], diagnostics: Findings) -> str | None:
    provider = given.get("provider")
    if provider is None:
        diagnostics.append(_missing(argument, "missing provider name ('provider')", "provider", given, diagnostics))
    elif isinstance(provider, Literal) and isinstance(provider.value, str):
        return provider.value
    else:
        diagnostics.append(_error(provider, "provider name must be a string literal"))
    return None


def _inputs(argument: Object, given: Mapping[str, Expression], diagnostics: Findings) -> Expression | None:
    if "inputs" not in given:
        diagnostics.append(_missing(argument, "missing provider inputs ('inputs')", "inputs", given, diagnostics))
    return given.get("inputs")


def _rotation_operands(
    argument: Object, given: Mapping[str, Expression], diagnostics: Findings
) -> dict[str, Expression | None]:
    inputs, state = _inputs(argument, given, diagnostics), given.get("state")
    if state is None:
        state = Literal(argument.node, None)
    elif not isinstance(state, Object):
        diagnostics.append(_error(state, "rotation state must be an object literal"))
    return {"inputs": inputs, "state": state}


BUILTINS: Final[Mapping[str, Clause]] = {
    "fn::concat": _concat,
    "fn::final": _whole_argument,
    "fn::fromBase64": _whole_argument,
    "fn::fromJSON": _whole_argument,
    "fn::join": _delimited("values"),
    "fn::open": _open,
    "fn::rotate": _rotate,
    "fn::secret": _secret,
    "fn::split": _delimited("string"),
    "fn::toBase64": _whole_argument,
    "fn::toJSON": _whole_argument,
    "fn::toString": _whole_argument,
    "fn::toYAML": _whole_argument,
    "fn::validate": _validate,
}
"""Every builtin with a fixed name. `fn::open::NAME` and `fn::rotate::NAME` are read by their own two clauses."""
