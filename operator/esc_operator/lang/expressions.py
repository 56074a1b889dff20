"""Syntax tree → expressions."""

from esc_operator.formats.spelling import Known
from esc_operator.lang import reasons
from esc_operator.lang.budget import template_units
from esc_operator.lang.builtins import BUILTINS, OPEN_PREFIX, ROTATE_PREFIX, read_short_open, read_short_rotate
from esc_operator.lang.declarations import Array, Call, Entry, Expression, Interpolation, Literal, Object, Reference
from esc_operator.lang.diagnostics import Diagnostic
from esc_operator.lang.findings import Findings
from esc_operator.lang.nodes import MappingNode, Node, ScalarNode, SequenceNode
from esc_operator.lang.quoting import quote
from esc_operator.lang.templates import parse_template

_PREFIX = "fn::"
_NAMES = tuple(name.removeprefix(_PREFIX) for name in BUILTINS)
_FAMILIES = ("open", "rotate")
_FUNCTIONS = (*BUILTINS, f"{OPEN_PREFIX}PROVIDER", f"{ROTATE_PREFIX}ROTATOR")


def read_expression(node: Node, diagnostics: Findings) -> Expression:
    """The expression that `node` declares; what is wrong with it is added to `diagnostics`."""
    if isinstance(node, ScalarNode):
        value = node.value
        return _read_string(node, value, diagnostics) if type(value) is str else Literal(node, value)
    if isinstance(node, SequenceNode):
        return Array(node, tuple(read_expression(item, diagnostics) for item in node.items))
    if isinstance(node, MappingNode):
        return _read_call(node, diagnostics) or _read_object(node, diagnostics)
    raise TypeError(f"unexpected node of type {type(node).__name__}")


def _read_string(node: ScalarNode, text: str, diagnostics: Findings) -> Expression:
    if "$" not in text:
        return Literal(node, text)
    diagnostics.charge(template_units(text))
    parts, problems = parse_template(text)
    diagnostics.extend(node.error_in(*problem, reasons.INVALID_EXPRESSION) for problem in problems)
    if len(parts) == 1:
        literal, accessors = parts[0]
        if accessors is None:
            return Literal(node, literal)
        if not literal:
            return Reference(node, accessors)
    return Interpolation(node, parts)


def _read_object(node: MappingNode, diagnostics: Findings) -> Object:
    entries = []
    for key_node, value_node in node.entries:
        text = key_node.text
        value = read_expression(value_node, diagnostics)
        if "$" not in text:
            entries.append(Entry(text, key_node, value))
            continue
        key = _read_string(key_node, text, diagnostics)
        if isinstance(key, Literal):
            entries.append(Entry(str(key.value), key_node, value))
        else:
            diagnostics.append(key_node.error("object keys must be strings", reasons.INVALID_EXPRESSION))
    return Object(node, tuple(entries))


def _read_call(node: MappingNode, diagnostics: Findings) -> Call | None:
    """The call that an object with the one key `fn::…` is; None for any other object."""
    if len(node.entries) != 1:
        for key, _ in node.entries:
            if key.text.startswith("fn::"):
                rule = "must be the only key within its containing object"
                summary = f"illegal call to builtin function: {quote(key.text)} {rule}"
                diagnostics.append(node.error(summary, reasons.INVALID_EXPRESSION))
        return None
    key, argument = node.entries[0]
    name = key.text
    if not name.lower().startswith("fn::"):
        return None
    read = BUILTINS.get(name)
    if read is None:
        read = (
            read_short_open
            if name.startswith(OPEN_PREFIX)
            else read_short_rotate
            if name.startswith(ROTATE_PREFIX)
            else None
        )
    if read is None:
        diagnostics.append(_reserved_prefix(key, node, diagnostics))
        return None
    return read(node, name, read_expression(argument, diagnostics), diagnostics)


def _reserved_prefix(key: ScalarNode, node: MappingNode, diagnostics: Findings) -> Diagnostic:
    # Upstream points at the key but names the path of the object around it.
    from esc_operator.formats.paths import path_text

    found = key.error("'fn::' is a reserved prefix", reasons.INVALID_EXPRESSION)
    return found._replace(path=path_text(node.path), detail=_unknown_function(key.text, diagnostics))


def _unknown_function(name: str, diagnostics: Findings) -> str:
    """The function that was probably meant; else all of them."""
    own = name[len(_PREFIX) :]
    family, _, rest = own.partition(":")
    plugin, speller = rest.lstrip(":"), diagnostics.speller
    # `fn::opn::aws-login` and `fn::open:aws-login`: the family is misspelled, what follows it is not.
    if plugin and (meant := speller.meant(family, _FAMILIES)):
        return f"did you mean {quote(f'{_PREFIX}{meant}::{plugin}')}?"
    if meant := speller.meant(own, _NAMES):
        return f"did you mean {quote(_PREFIX + meant)}?"
    return speller.listed(Known(_FUNCTIONS, "the functions are"))
