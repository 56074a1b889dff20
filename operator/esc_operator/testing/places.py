"""Parts of inputs by their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str, ...]


def paths(inputs: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all properties, objects before their parts."""
    if isinstance(inputs, dict):
        for key, inner in inputs.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))


def texts(inputs: Any) -> Iterator[Path]:
    """The paths of all texts that are not empty."""
    return (path for path in paths(inputs) if isinstance(at(inputs, path), str) and at(inputs, path))


def at(inputs: Any, path: Path) -> Any:
    for key in path:
        inputs = inputs[key]
    return inputs


def changed(inputs: Mapping[str, Any], path: Path, part: Any) -> dict[str, Any]:
    """The inputs with another part there."""
    head, *rest = path
    return {**inputs, head: changed(inputs[head], tuple(rest), part) if rest else part}


def another(text: str) -> str:
    """A text of the same kind: its last digit is another one, or else its last letter."""
    digits = [index for index, character in enumerate(text) if character.isdecimal()]
    letters = [index for index, character in enumerate(text) if character.isalpha()]
    place = digits[-1] if digits else (letters or [len(text) - 1])[-1]
    new = "7" if digits else "q"
    return text[:place] + (new if text[place] != new else "8" if digits else "w") + text[place + 1 :]
