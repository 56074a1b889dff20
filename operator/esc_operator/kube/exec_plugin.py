"""Programs that log in: the exec plug-ins of kubeconfigs (client.authentication.k8s.io), as kubectl runs them.

A program's output contains credentials and is never shown. Its stderr goes where ours goes, if somebody reads that.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")

SECONDS, INTERACTIVE_SECONDS = 60.0, 600.0
"""How long a program may take: by itself, and if it may ask a user."""


class Terminal(NamedTuple):
    """`is_shown`: a user sees the program's stderr; `is_interactive`: the user can answer it."""

    is_shown: bool
    is_interactive: bool


NO_TERMINAL = Terminal(is_shown=False, is_interactive=False)


class Made(NamedTuple):
    """The answer of a program: a token, a certificate with its key, or both; PEM."""

    token: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return "<Made>"


def run_plugin(  # noqa: PLR0913, PLR0917 - whose, where, for what, and in what world
    plugin: Mapping[str, Any],
    user: str,
    folder: Path,
    cluster: Mapping[str, Any],
    settings: Mapping[str, str],
    terminal: Terminal,
) -> Made:
    """`user` is the program's user, `folder` that of the kubeconfig, `cluster` the information for programs that
    request it. Blocks for as long as the program takes. Raises ConfigurationError."""
    words = _Words.of(plugin, user)
    interactive = terminal.is_interactive and words.mode != "Never"
    if words.mode == "Always" and not interactive:
        raise ConfigurationError(f"the program of {user} needs a terminal (interactiveMode: Always): run it at one")
    spec = {"interactive": interactive, **({"cluster": cluster} if plugin.get("provideClusterInfo") else {})}
    info = {"apiVersion": words.version, "kind": "ExecCredential", "spec": spec}
    # A path is relative to the kubeconfig; a name without a slash is looked up as a shell does.
    command = str(folder / words.command) if "/" in words.command else words.command
    seconds = INTERACTIVE_SECONDS if interactive else SECONDS
    program = f'the program "{words.command}" of {user}'
    try:
        ended = subprocess.run(  # noqa: S603 - that is what an exec plug-in is for
            [command, *words.arguments],
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if terminal.is_shown else subprocess.DEVNULL,
            env={**settings, **words.environment, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Its own error contains the output so far.
        raise ConfigurationError(
            f"{program} did not answer within {seconds:.0f} s: run it by hand to see why"
        ) from None
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        hint = f". {words.hint}" if words.hint else ""
        raise ConfigurationError(f"{program} cannot be run: {why}{hint}") from error
    if ended.returncode:
        why = "its own words are above" if terminal.is_shown else "run it by hand to see why"
        raise ConfigurationError(f"{program} failed with status {ended.returncode}: {why}")
    return _parse(ended.stdout, words.version, program)


class _Words(NamedTuple):
    """A program's entry in a kubeconfig, checked."""

    command: str
    version: str
    arguments: list[str]
    environment: dict[str, str]
    mode: str
    hint: str

    @staticmethod
    def of(plugin: Mapping[str, Any], user: str) -> _Words:
        try:
            words = _Words(
                command=_text(plugin["command"]),
                version=_text(plugin["apiVersion"]),
                arguments=[_text(word) for word in plugin.get("args") or ()],
                environment={_text(one["name"]): _text(one["value"]) for one in plugin.get("env") or ()},
                mode=_text(plugin.get("interactiveMode") or "IfAvailable"),
                hint=_text(plugin.get("installHint") or "").strip(),
            )
        except (KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{user} has an exec that cannot be read: command and apiVersion are needed, all args and env as text"
            ) from error
        if words.version not in VERSIONS:
            raise ConfigurationError(
                f'the program of {user} speaks "{words.version}", which is not supported: {" and ".join(VERSIONS)} are'
            )
        return words


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _parse(printed: bytes, version: str, program: str) -> Made:
    try:
        answer = json.loads(printed)
        right = answer["kind"] == "ExecCredential" and answer["apiVersion"] == version
        status = answer.get("status") or {}
        made = Made(*(status.get(name) for name in ("token", "clientCertificateData", "clientKeyData")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(f"{program} printed no ExecCredential of {version}") from None
    if not right or not all(part is None or isinstance(part, str) for part in made):
        raise ConfigurationError(f"{program} printed no ExecCredential of {version}")
    if bool(made.certificate) != bool(made.key):
        raise ConfigurationError(f"{program} gave a certificate without its key, or a key without its certificate")
    if not (made.token or made.certificate):
        raise ConfigurationError(f"{program} gave neither a token nor a certificate")
    return made
