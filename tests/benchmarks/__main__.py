"""`make bench`: runs all figures, or those that are named. Each benchmark lists its own in `FIGURES`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING

import benchmarks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


def main(wanted: list[str]) -> int:
    known = {figure: module for module in modules() for figure in module.FIGURES}
    if unknown := [name for name in wanted if name not in known]:
        print(f"there is no figure {', '.join(unknown)}; there are: {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    chosen = {known[name] for name in wanted} or set(known.values())
    for module in sorted(chosen, key=lambda module: module.__name__):
        module.main([name for name in wanted if known[name] is module])
    return 0


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."):
        if not found.ispkg and not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            if hasattr(module, "FIGURES"):
                yield module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
