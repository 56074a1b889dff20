"""The imports of the package, those for types and those within functions as well."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_module_imports_what_imports_it() -> None:
    """`make lint` holds it for the modules of a room and for the rooms; here a room's own `__init__` counts as well."""
    # Its cache is told apart by less than what is asked for, and has given imports that were gone.
    graph = grimp.build_graph("esc_operator", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 300
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])))
