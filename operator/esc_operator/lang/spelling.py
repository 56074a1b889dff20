"""Edit distance, for "did you mean"."""


def distance(left: str, right: str) -> int:
    """Levenshtein distance."""
    previous = list(range(len(right) + 1))
    for row, character in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (character != other)))
        previous = current
    return previous[-1]


def nearest(key: str, candidates: list[str]) -> str | None:
    """The candidate that `key` is probably a misspelling of; the first in order where several are equally near."""
    wanted = _folded(key)
    best, best_distance = None, (len(key) + 1) // 2
    for candidate in sorted(candidates):
        if abs(len(candidate) - len(key)) > len(key) + 2:
            continue
        found = distance(wanted, _folded(candidate))
        if found < best_distance:
            best, best_distance = candidate, found
    return best


def _folded(key: str) -> str:
    return key.lower().replace("_", "")
