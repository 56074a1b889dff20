"""Syntax tree → environment: the shape of a whole definition, and the two front ends to it."""

from collections.abc import Callable, Mapping

from esc_operator.formats.spelling import Speller
from esc_operator.lang import reasons
from esc_operator.lang.budget import Budget, OverBudgetError, SliceOverError
from esc_operator.lang.composer import compose
from esc_operator.lang.declarations import Entry, Environment, Import, Literal, Object
from esc_operator.lang.diagnostics import Diagnostic, Diagnostics, Severity, in_order
from esc_operator.lang.expressions import read_expression
from esc_operator.lang.findings import Findings
from esc_operator.lang.limits import DEFAULT_LIMITS, Limits
from esc_operator.lang.nodes import MappingNode, Node, ScalarNode, SequenceNode
from esc_operator.lang.objects import compose_data
from esc_operator.lang.quoting import quote
from esc_operator.lang.source import Source

_FIELDS = ("description", "imports", "values")

EXPORTS = ("environmentVariables", "files")
"""The names below `values` whose parts are exported: as variables, and as files."""


def parse_text(
    name: str, text: str | bytes, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None
) -> tuple[Environment | None, Diagnostics]:
    """Reads a definition from YAML text.

    `name` stands in every range. No environment comes back where the text is not YAML the language knows; any other
    mistake leaves an environment that can be evaluated as far as it goes. `budget` is that of the evaluation which the
    definition takes part in. Raises `SliceOverError` where that works in slices.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not data:
        return _empty(name), ()
    paying = budget or Budget(limits)
    return _read(name, lambda: compose(name, data, paying), paying)


def parse_object(
    name: str,
    data: object,
    path_prefix: str = "",
    limits: Limits = DEFAULT_LIMITS,
    budget: Budget | None = None,
) -> tuple[Environment | None, Diagnostics]:
    """Reads a definition that already is JSON-like data; diagnostics have no range, and paths that begin with
    `path_prefix`. `budget` as in `parse_text`.
    """
    paying = budget or Budget(limits)
    return _read(name, lambda: compose_data(name, data, path_prefix, paying), paying)


def service_environment(name: str, path: str, service: str) -> Environment:
    """An environment that a service holds and evaluates; diagnostics about it have that path."""
    return _empty(name, path)._replace(service=service)


def _read(
    name: str, compose_root: Callable[[], tuple[Node | None, Diagnostics]], budget: Budget
) -> tuple[Environment | None, Diagnostics]:
    paid = budget.spent
    try:
        root, problems = compose_root()
        if any(problem.is_error for problem in problems):
            return None, in_order(problems)
        environment, found = _read_document(name, root, budget)
        return environment, in_order((*problems, *found)) if problems else found
    except OverBudgetError as error:
        return None, (Diagnostic(Severity.ERROR, str(error), "", None, reasons.LIMIT_EXCEEDED),)
    except SliceOverError:
        budget.spent = paid
        raise


def _read_document(name: str, root: Node | None, budget: Budget) -> tuple[Environment, Diagnostics]:
    if not isinstance(root, MappingNode):
        return _empty(name), (_not_an_object(root),)
    diagnostics = Findings(budget)
    fields = _fields(root, diagnostics)
    environment = Environment(
        name,
        _read_values(root, fields.get("values"), diagnostics),
        _read_imports(fields.get("imports"), diagnostics),
        _read_description(fields.get("description"), diagnostics),
    )
    return environment, in_order(diagnostics.found)


def _empty(name: str, path: str = "") -> Environment:
    return Environment(name, Object(MappingNode(Source(name, None), path, 0, 0), ()))


def _not_an_object(root: Node | None) -> Diagnostic:
    summary = "environment must be an object"
    if root is None or (isinstance(root, ScalarNode) and root.value is None):
        return Diagnostic(Severity.ERROR, summary, "", None, reasons.INVALID_DOCUMENT)
    return root.error(summary, reasons.INVALID_DOCUMENT)


def _fields(root: MappingNode, diagnostics: Findings) -> Mapping[str, Node]:
    """The top-level values by field; a field's name is matched without regard to case, and the last of a repeated
    one counts.
    """
    fields: dict[str, Node] = {}
    for key, value in root.entries:
        field = key.text.casefold()
        if field not in _FIELDS:
            diagnostics.append(_unknown_field(key, diagnostics.speller))
            continue
        if field in fields:
            diagnostics.append(key.warning(f"duplicate key {quote(key.text)}", reasons.DUPLICATE_KEY))
        fields[field] = value
    return fields


def _unknown_field(key: ScalarNode, speller: Speller) -> Diagnostic:
    # Upstream measures the distance to the names with their quotes on.
    known = sorted((f"'{field}'" for field in _FIELDS), key=lambda quoted: speller.distance(quoted, key.text))
    summary = f"Field '{key.text}' does not exist on Object 'environment'. Existing fields are: {', '.join(known)}"
    return key.warning(summary, reasons.UNKNOWN_FIELD)._replace(detail=_instead(key.text, speller))


def _instead(name: str, speller: Speller) -> str:
    """What to do about an unknown field."""
    if meant := speller.nearest(name, _FIELDS):
        return f'it is ignored: did you mean "{meant}"?'
    if meant := speller.nearest(name, EXPORTS):
        return f'it is ignored: move it below "values", as values.{meant}'
    return 'it is ignored: remove it, or move it below "values"'


def _read_description(node: Node | None, diagnostics: Findings) -> str | None:
    if node is None:
        return None
    expression = read_expression(node, diagnostics)
    if isinstance(expression, Literal) and isinstance(expression.value, str):
        return expression.value
    diagnostics.append(node.error("description must be a string", reasons.INVALID_DOCUMENT))
    return None


def _read_imports(node: Node | None, diagnostics: Findings) -> tuple[Import, ...]:
    if node is None:
        return ()
    if not isinstance(node, SequenceNode):
        diagnostics.append(node.error("imports must be a list", reasons.INVALID_DOCUMENT))
        return ()
    return tuple(_read_import(item, diagnostics) for item in node.items)


def _read_import(node: Node, diagnostics: Findings) -> Import:
    problem = "import must be a string or an object"
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return Import(node.value, True, node, node)
    if isinstance(node, MappingNode):
        if len(node.entries) == 1:
            key, options = node.entries[0]
            return Import(key.text, _read_merge(options, diagnostics), node, key)
        problem = "import must have a single key"
    diagnostics.append(node.error(problem, reasons.INVALID_DOCUMENT))
    return Import(None, False, node, node)


def _read_merge(options: Node, diagnostics: Findings) -> bool:
    if not isinstance(options, MappingNode):
        diagnostics.append(options.error("import must be an object", reasons.INVALID_DOCUMENT))
        return True
    merge = True
    for key, value in options.entries:
        if key.text.casefold() != "merge":
            continue
        given = value.value if isinstance(value, ScalarNode) else None
        merge = given is True
        if not isinstance(given, bool):
            diagnostics.append(value.error("merge must be a boolean value", reasons.INVALID_DOCUMENT))
    return merge


def _read_values(root: MappingNode, node: Node | None, diagnostics: Findings) -> Object:
    if node is None:
        return Object(root, ())
    if not isinstance(node, MappingNode):
        diagnostics.append(node.error("values must be an object", reasons.INVALID_DOCUMENT))
        return Object(root, ())
    entries = []
    for key, value in node.entries:
        if key.text.startswith("fn::"):
            summary = f"builtin function call {quote(key.text)} not allowed at the top level"
            diagnostics.append(key.error(summary, reasons.INVALID_DOCUMENT))
        # Top-level keys are names as they stand: neither `$$` nor `${}` means anything in them.
        entries.append(Entry(key.text, key, read_expression(value, diagnostics)))
    return Object(node, tuple(entries))
