"""Asks the person at the terminal."""

from __future__ import annotations

import sys

from esc_operator.errors import ConfigurationError


def ask_secret(prompt: str) -> str:
    """What the person types, which is not shown. Raises ConfigurationError if nobody is there, or it would be shown."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise ConfigurationError("there is no terminal to ask at")
    import warnings
    from getpass import GetPassWarning, getpass

    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        try:
            return getpass(prompt, sys.stderr)
        except GetPassWarning as error:
            raise ConfigurationError("the terminal would show what is typed") from error
        except EOFError as error:
            raise ConfigurationError("nothing was typed") from error
