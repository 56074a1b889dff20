"""How soon `esc run` of a static environment starts its command, in starts of a bare interpreter.

Both are measured alike: from just before the spawn to the first statement of a Python child, by CLOCK_MONOTONIC, which
processes share; so the start of the child's own interpreter counts against `esc`. Runs are interleaved, and medians
compared. Prints one JSON line a figure.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIGURES = ("cli_start_ratio",)

RUNS = 41
WARM_UP = 3

# What is installed beside the interpreter is started as its user would.
ESC = str(Path(sys.executable).parent / "esc")

CHILD = "import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))"

ENVIRONMENTS = {
    "apps/base": "values:\n  database: {host: db.example.com, port: 5432}\n",
    "apps/web": """\
imports: [base]
values:
  database:
    password: {fn::secret: correct-horse-battery-staple}
  environmentVariables:
    DATABASE_URL: postgres://web:${database.password}@${database.host}:${database.port}/web
    LOG_LEVEL: info
""",
}


def measure(command: list[str], environment: dict[str, str]) -> float:
    """Seconds from the spawn of a command until its Python child runs."""
    started = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    answer = subprocess.run(command, env=environment, capture_output=True, check=True)
    return (int(answer.stdout) - started) / 1e9


def write_environments(root: Path) -> None:
    for name, text in ENVIRONMENTS.items():
        path = root / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main(names: list[str]) -> None:
    bare = [sys.executable, "-c", CHILD]
    with tempfile.TemporaryDirectory() as folder:
        write_environments(Path(folder))
        environment = {**os.environ, "ESC_BACKEND_URL": f"file://{folder}"}
        # The warm-up compiles what an installation has compiled.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        commands = {"bare": bare, "esc": [ESC, "run", "apps/web", "--", *bare]}
        for command in commands.values():
            for _ in range(WARM_UP):
                measure(command, environment)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                times[name].append(measure(command, environment))
    medians = {name: statistics.median(found) for name, found in times.items()}
    ratio = medians["esc"] / medians["bare"]
    print(json.dumps({"figure": "cli_start_ratio", "value": round(ratio, 2), "unit": "x bare interpreter start"}))
    print(
        json.dumps({name: f"{seconds * 1000:.1f} ms" for name, seconds in medians.items()}),
        file=sys.stderr,
    )


if __name__ == "__main__":
    main([])
