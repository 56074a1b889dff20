"""`python -m catalogue.bringing provider|rotator NAME`: which distributions one call of a plug-in loads.

In a process of its own: what is loaded once stays.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OURS = "esc-operator"


class Brought(NamedTuple):
    """`names` are the distributions; `extra` is the extra that they need, "" if the default install has them."""

    names: tuple[str, ...]
    megabytes: float
    extra: str

    def __str__(self) -> str:
        if not self.names:
            return "nothing"
        where = f"extra [{self.extra}]" if self.extra else "default install"
        return f"{', '.join(self.names)}: {self.megabytes:.1f} MB ({where})"


def measure(kind: str, name: str) -> Brought:
    """Of the plug-in with this name: `kind` is provider or rotator."""
    command = [sys.executable, "-m", "catalogue.bringing", kind, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    names, extra = json.loads(done.stdout.splitlines()[-1])
    return Brought(tuple(names), sum(map(_size, names)) / 1e6, extra or _extra(tuple(names)))


def _size(name: str) -> int:
    paths = [Path(str(file.locate())) for file in distribution(name).files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _extra(names: tuple[str, ...]) -> str:
    """The extra of ours that asks for one of them."""
    for text in requires(OURS) or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.name not in names:
            continue
        for extra in distribution(OURS).metadata.get_all("Provides-Extra") or ():
            if wanted.marker.evaluate({"extra": extra}) and not wanted.marker.evaluate({"extra": ""}):
                return str(extra)
    return ""


def _needed(extra: str) -> set[str]:
    """The distributions that our own needs with that extra, and all that they need."""
    found: set[str] = set()
    left = [(OURS, extra)]
    while left:
        name, wanted = left.pop()
        for text in requires(name) or ():
            one = Requirement(text)
            if one.marker is not None and not one.marker.evaluate({"extra": wanted}):
                continue
            needed = canonicalize_name(one.name)
            if needed not in found:
                found.add(needed)
                left += [(needed, part) for part in ("", *one.extras)]
    return found


def _loaded() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}


def main(kind: str, name: str) -> None:
    from esc_operator.testing.running import run
    from esc_operator.testing.wires import Script, loopback
    from unit.providers.declared import all_trials

    trials = [
        trial
        for trial in all_trials()
        if (plugin := trial.plugin()).name == name and hasattr(plugin, "rotate") is (kind == "rotator")
    ]
    for tls in {trial.tls for trial in trials}:
        with loopback(Script(None), tls=tls):
            """What the trial's server loads is not brought by the plug-in."""
    before = _loaded()
    for trial in trials:
        run(trial)
    found = packages_distributions()
    new = {one for module in _loaded() - before for one in found.get(module, ()) if one != OURS}
    extra = getattr(trials[0].plugin(), "extra", None)
    names: set[str] = {canonicalize_name(name) for name in new}
    if extra is not None:
        names |= _needed(extra.name) - _needed("")
    print(json.dumps([sorted(names), extra.name if extra is not None else ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
