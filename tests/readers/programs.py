"""The programs that `esc open -f …` writes for, each as a function from a file's text to what it reads."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import dotenv
import pytest

from local_cluster.once import made_once
from local_cluster.places import TOOLS
from local_cluster.tools import find_kubectl

Reader = Callable[[str], Mapping[str, str | None]]

PACKAGES = Path(__file__).parent
NODE = "const {readFileSync} = require('fs'); const text = readFileSync(0, 'utf8');"


def python_dotenv(text: str) -> Mapping[str, str | None]:
    return dotenv.dotenv_values(stream=StringIO(text))


def node(text: str) -> Mapping[str, str | None]:
    """`node --env-file`, by the function behind it, which Node has since 20.12."""
    return _node(f"{NODE} console.log(JSON.stringify(require('util').parseEnv(text)))", text)


def npm_dotenv(text: str) -> Mapping[str, str | None]:
    return _node(f"{NODE} console.log(JSON.stringify(require({json.dumps(str(_npm()))}).parse(text)))", text)


def kubectl(text: str) -> Mapping[str, str | None]:
    """`kubectl create secret --from-env-file`, which needs no cluster for a dry run."""
    with _file(text) as file:
        command = [str(find_kubectl()), "create", "secret", "generic", "a", "--dry-run=client", "-o", "json"]
        printed = subprocess.run([*command, f"--from-env-file={file}"], capture_output=True, check=True).stdout
    data = json.loads(printed).get("data") or {}
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def docker(text: str) -> Mapping[str, str | None]:
    """`docker create --env-file`, before a daemon that only notes what it is sent."""
    program = _find("docker")
    with _Daemon() as daemon, _file(text) as file, tempfile.TemporaryDirectory() as home:
        settings = {"DOCKER_HOST": f"tcp://127.0.0.1:{daemon.server_port}", "HOME": home}
        subprocess.run([program, "create", "--env-file", file, "image"], env=settings, check=True, capture_output=True)
    return dict(entry.split("=", 1) for entry in daemon.environment)


def shell(*command: str) -> Reader:
    """A shell that evaluates the text and then starts a program."""

    def read(text: str) -> Mapping[str, str | None]:
        with _file(text) as file:
            script = f'eval "$(cat {file})"; env -0' if command[0] != "fish" else f"cat {file} | source; env -0"
            printed = subprocess.run([_find(command[0]), *command[1:], "-c", script], capture_output=True, check=True)
        entries = printed.stdout.decode("utf-8", "surrogateescape").split("\0")
        return dict(entry.split("=", 1) for entry in entries if "=" in entry)

    return read


def _node(script: str, text: str) -> Mapping[str, str | None]:
    printed = subprocess.run([_find("node"), "-e", script], input=text.encode(), capture_output=True, check=True)
    read: Mapping[str, str | None] = json.loads(printed.stdout)
    return read


def _find(program: str) -> str:
    found = shutil.which(program)
    if not found:
        pytest.skip(f"there is no {program} here")
    return found


@cache
def _npm() -> Path:
    """npm's dotenv, in the version that the lock file beside this module pins by digest."""
    npm = _find("npm")
    version = json.loads((PACKAGES / "package.json").read_text())["dependencies"]["dotenv"]

    def install(folder: Path) -> Path:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGES / name, folder)
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=120)
        return folder / "node_modules"

    return made_once(TOOLS / f"dotenv-{version}", install) / "dotenv"


class _file:  # noqa: N801 - used as a function
    """A text in a file, to the byte."""

    def __init__(self, text: str) -> None:
        self._data = text.encode("utf-8", "surrogateescape")

    def __enter__(self) -> str:
        descriptor, self._path = tempfile.mkstemp()
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._data)
        return self._path

    def __exit__(self, *_: object) -> None:
        Path(self._path).unlink()


class _Daemon(ThreadingHTTPServer):
    """What `docker create` asks of a daemon."""

    environment: list[str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _DaemonHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _DaemonHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Daemon

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.environment = body["Env"] or []
        self._answer(201, b'{"Id": "a", "Warnings": []}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("API-Version", "1.43")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
