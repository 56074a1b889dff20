"""The files of Pulumi's commands: logins, the choice of Pulumi's `esc`, and default organizations."""

# ruff: noqa: PTH100, PTH111, PTH118 - os.path, as in the rest of the command line
from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from esc_operator.cli.cloud import accounts
from esc_operator.cli.cloud.locked_file import LockedFile
from esc_operator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.cli.cloud.accounts import Account

HOME = "PULUMI_HOME"
CREDENTIALS_FOLDER = "PULUMI_CREDENTIALS_PATH"
"""The folder of `credentials.json` and `config.json`, if it is another one than PULUMI_HOME (`~/.pulumi`)."""


class PulumiFiles:
    """These files, at the places that settings name."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        home = _absolute(settings.get(HOME) or "~/.pulumi")
        folder = _absolute(settings.get(CREDENTIALS_FOLDER) or home)
        self._credentials = LockedFile(os.path.join(folder, "credentials.json"), is_secret=True)
        self._config = LockedFile(os.path.join(folder, "config.json"))
        self._choice = LockedFile(os.path.join(home, ".esc", "credentials.json"))

    def account(self, url: str) -> Account | None:
        """The login of a URL. Raises ConfigurationError."""
        return accounts.find_account(self._read(), url)

    def urls(self) -> list[str]:
        """The URLs of all logins, state backends of Pulumi's among them. Raises ConfigurationError."""
        return accounts.urls(self._read())

    def current(self) -> str:
        """What `pulumi` is logged in to; "" if it is not. Raises ConfigurationError."""
        return str(self._read().get("current") or "")

    def store(self, url: str, account: Account, now: datetime) -> None:
        """Keep a login. Raises ConfigurationError."""
        path = self._credentials.path

        def change(text: bytes) -> bytes | None:
            return accounts.render(accounts.with_account(accounts.parse(text, path), url, account, now))

        self._credentials.change(change)

    def forget(self, url: str) -> bool:
        """Forget the login of a URL, its token with it; False if there was none. Raises ConfigurationError."""
        path, had = self._credentials.path, False

        def change(text: bytes) -> bytes | None:
            nonlocal had
            data = accounts.parse(text, path)
            had = accounts.find_account(data, url) is not None
            left = accounts.without_account(data, url)
            return text if left == data and text else accounts.render(left)

        self._credentials.change(change, creates=False)
        return had

    def chosen(self) -> str:
        """The URL that Pulumi's own `esc login` chose; "" if it chose none. Raises ConfigurationError."""
        return str(_object(self._choice.read(), self._choice.path).get("name") or "")

    def choose(self, url: str) -> None:
        """Make it the choice of Pulumi's own `esc` as well; "": that of `pulumi`. Raises ConfigurationError."""
        path = self._choice.path
        # Like Pulumi's own command: the file says one thing.
        self._choice.change(lambda text: _text({**_object(text, path), "name": url}), creates=bool(url))

    def default_organization(self, url: str) -> str:
        """What `pulumi org set-default` chose for a URL; "" if nothing. Raises ConfigurationError."""
        backends = _object(self._config.read(), self._config.path).get("backends")
        for key, found in backends.items() if isinstance(backends, dict) else ():
            if key.rstrip("/") == url.rstrip("/") and isinstance(found, dict):
                return str(found.get("defaultOrg") or "")
        return ""

    def store_default_organization(self, url: str, organization: str) -> None:
        """Raises ConfigurationError."""
        path = self._config.path

        def change(text: bytes) -> bytes:
            data = _object(text, path)
            backends = data.get("backends")
            backends = backends if isinstance(backends, dict) else {}
            known = backends.get(url)
            entry = {**(known if isinstance(known, dict) else {}), "defaultOrg": organization}
            return _text({**data, "backends": {**backends, url: entry}})

        self._config.change(change)

    def _read(self) -> dict[str, Any]:
        return accounts.parse(self._credentials.read(), self._credentials.path)


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _object(text: bytes, path: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} is damaged, and was left as it is: correct it, or remove it")
    return data


def _text(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=4, ensure_ascii=False).encode("utf-8", "surrogatepass")
