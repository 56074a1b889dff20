"""What a plug-in needs of an extra: the parts of a distribution that are too large for everybody, and may be missing.

A plug-in declares its extra (`port.NeedsExtra`) and imports nothing of it before it is opened. So its schemas are known
everywhere, and a check tells what is missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.port import NeedsExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.providers.port import Extra


def missing_extra(plugin: object, name: str) -> Iterator[InputProblem]:
    """The problem of a plug-in whose extra is not installed."""
    if isinstance(plugin, NeedsExtra) and not is_installed(plugin.extra):
        yield InputProblem((), f'"{name}" {how_to_install(plugin.extra)}', reasons.EXTRA_MISSING)


def is_installed(extra: Extra) -> bool:
    return all(_is_found(module) for module in extra.modules)


def how_to_install(extra: Extra) -> str:
    """The end of a sentence about a plug-in."""
    return (
        f'needs the extra "{extra.name}" of {extra.distribution}, which is not installed here: run'
        f" pip install '{extra.distribution}[{extra.name}]'; the operator's image needs it too"
    )


def _is_found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a package around it is missing, or half loaded
        return False
