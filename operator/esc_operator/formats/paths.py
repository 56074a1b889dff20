"""Document paths: the names of places in diagnostics (`values.a["b-c"][0]`).

A path is stored as a chain from child to parent and written out only when it is read.
"""

from collections.abc import Iterable
from typing import Union

Path = Union[str, tuple["Path", str | int]]  # noqa: UP007  (`|` does not take the name of a class to come)
"""The text of a prefix, or a parent with a key (str) or an index (int)."""


def long_path(most: int) -> str:
    """The message for a path that exceeds the limit."""
    return f"the keys that lead to a value are longer than {most} characters together: shorten them"


def join_key(root: str, key: str) -> str:
    """`root.key`, or `root["key"]` if the key is not a plain name."""
    if key.isidentifier() and key.isascii():
        return f"{root}.{key}" if root else key
    escaped = key.replace('"', '\\"')
    return f'{root}["{escaped}"]'


def join_path(keys: Iterable[str | int], root: str = "") -> str:
    """The path of these keys from `root` on."""
    text = root
    for key in keys:
        text = join_key(text, key) if isinstance(key, str) else f"{text}[{key}]"
    return text


def keys_of(path: Path) -> tuple[str | int, ...]:
    """The keys from the prefix on."""
    keys: list[str | int] = []
    while not isinstance(path, str):
        path, key = path
        keys.append(key)
    return tuple(reversed(keys))


def path_text(path: Path) -> str:
    root = path
    while not isinstance(root, str):
        root = root[0]
    return join_path(keys_of(path), root)
