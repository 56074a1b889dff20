"""The choice of `esc login`: one small file that only its user can read."""

# Importing pathlib takes longer than opening an environment.
# ruff: noqa: PTH100, PTH103, PTH105, PTH107, PTH110, PTH111, PTH118, PTH123
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.cli.cloud.session import CloudLogin

BACKEND_URL = "ESC_BACKEND_URL"
"""Overrides the choice of `esc login`."""

HOME = "ESC_HOME"
"""The folder of the choice and of the default backend's environments; `~/.esc` by default."""


CLOUD_URLS = ("PULUMI_BACKEND_URL", "PULUMI_API")
"""Say which Pulumi Cloud, where a folder or a cluster was not chosen; a backend for the state of stacks is ignored."""

CLOUD_SCHEMES = ("https://", "http://")


def read_backend(settings: Mapping[str, str]) -> str:
    """The URL of the backend to use. Raises ConfigurationError."""
    if override := settings.get(BACKEND_URL):
        return override.rstrip("/") if override.startswith(CLOUD_SCHEMES) else override
    chosen = str(_read(settings).get("backend") or "")
    if chosen and not chosen.startswith(CLOUD_SCHEMES):
        return chosen
    named = (settings.get(name) or "" for name in CLOUD_URLS)
    overriding = next((url.rstrip("/") for url in named if url.startswith(CLOUD_SCHEMES)), "")
    return overriding or chosen or _chosen_with_pulumi(settings) or default_backend(settings)


def _chosen_with_pulumi(settings: Mapping[str, str]) -> str:
    """What Pulumi's own `esc login` chose; "" if nothing."""
    home = settings.get("PULUMI_HOME") or "~/.pulumi"
    if not os.path.exists(os.path.join(os.path.expanduser(home), ".esc", "credentials.json")):
        return ""
    from esc_operator.cli.cloud.files import PulumiFiles

    url = PulumiFiles(settings).chosen().rstrip("/")
    return url if url.startswith(CLOUD_SCHEMES) else ""


def read_login(url: str, settings: Mapping[str, str]) -> CloudLogin:
    """The login to a Pulumi Cloud, with what `esc login` remembered of it. Raises ConfigurationError."""
    from esc_operator.cli.cloud.exchanging import from_data
    from esc_operator.cli.cloud.session import CloudLogin
    from esc_operator.cli.cloud.urls import cloud_url

    chosen, checked = _read(settings), cloud_url(url)
    if chosen.get("backend") != checked:
        return CloudLogin(checked)
    return CloudLogin(checked, from_data(chosen.get("exchange")), chosen.get("insecure") is True)


def read_choice(settings: Mapping[str, str]) -> str:
    """What `esc login` chose; "" if nothing. Raises ConfigurationError."""
    return str(_read(settings).get("backend") or "") or _chosen_with_pulumi(settings)


def default_backend(settings: Mapping[str, str]) -> str:
    """The backend that needs no login: a folder."""
    return f"file://{os.path.join(home(settings), 'environments')}"


def write_login(login: CloudLogin, settings: Mapping[str, str]) -> None:
    """Store the choice of a Pulumi Cloud, and an exchange that can be repeated. Raises ConfigurationError."""
    exchange = login.exchange
    more: dict[str, Any] = {"exchange": exchange.as_data()} if exchange and exchange.can_be_kept else {}
    _write({"backend": login.url, **more, **({"insecure": True} if login.insecure else {})}, settings)


def write_backend(url: str, settings: Mapping[str, str]) -> None:
    """Store the choice of a backend. Raises ConfigurationError."""
    _write({"backend": url}, settings)


def _write(data: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    path = _path(settings)
    scratch = f"{path}.{os.getpid()}"
    try:
        os.makedirs(home(settings), mode=0o700, exist_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_to_text(data))
        # A process that reads it at the same time sees the old choice or the new one, never half of it.
        os.replace(scratch, path)
    except OSError as error:
        raise ConfigurationError(f"could not write {path}: {error.strerror}") from error


def forget_backend(settings: Mapping[str, str]) -> bool:
    """Go back to the default; False if there was no choice. Raises ConfigurationError."""
    path = _path(settings)
    try:
        os.remove(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigurationError(f"could not remove {path}: {error.strerror}") from error
    return True


def home(settings: Mapping[str, str]) -> str:
    return os.path.abspath(os.path.expanduser(settings.get(HOME) or "~/.esc"))


def _path(settings: Mapping[str, str]) -> str:
    return os.path.join(home(settings), "login.json")


def _read(settings: Mapping[str, str]) -> dict[str, Any]:
    path = _path(settings)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"could not read {path}: {error}") from error
    return _from_text(text, path)


def _from_text(text: str, path: str) -> dict[str, Any]:
    import json

    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} is damaged: run `esc login` again")
    return data


def _to_text(data: Mapping[str, Any]) -> str:
    import json

    return json.dumps(data, indent=2) + "\n"
