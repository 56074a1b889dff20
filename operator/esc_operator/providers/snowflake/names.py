"""Accounts and users of Snowflake: their names in URLs, in tokens and in statements. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_ACCOUNT = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,4}}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_LONGEST_USER = 255


def account_problems(inputs: Mapping[str, Any], *within: str) -> Iterator[InputProblem]:
    """`within` is the path of these inputs."""
    account = inputs.get("account")
    if isinstance(account, str) and not _ACCOUNT.fullmatch(account):
        message = (
            f'`{".".join((*within, "account"))}` "{account}" is not an account identifier: write it without the rest of'
            " the URL, like myorganization-account or xy12345.eu-central-1"
        )
        yield InputProblem((*within, "account"), message, reasons.INVALID_INPUTS)


def user_problems(inputs: Mapping[str, Any], name: str, *within: str) -> Iterator[InputProblem]:
    user = inputs.get(name)
    if isinstance(user, str) and (not user.strip('"').strip() or not user.isprintable() or len(user) > _LONGEST_USER):
        path = (*within, name)
        yield InputProblem(path, f"`{'.'.join(path)}` is not the name of a user", reasons.INVALID_INPUTS)


def host_of_account(account: str) -> str:
    """Names of hosts have no underscores; an account in China has a domain of its own."""
    _, _, region = account.partition(".")
    domain = "snowflakecomputing.cn" if region.lower().startswith("cn-") else "snowflakecomputing.com"
    return f"{account.lower().replace('_', '-')}.{domain}"


def account_in_tokens(account: str) -> str:
    """Without the region, in upper case."""
    return account.partition(".")[0].upper()


def user_name(user: str) -> str:
    """The name of a user as Snowflake stores it: in upper case, unless it is quoted or could be written in no other
    way."""
    if len(user) > 2 and user.startswith('"') and user.endswith('"'):
        return user[1:-1].replace('""', '"')
    return user.upper() if _PLAIN.fullmatch(user) else user


def quoted(name: str) -> str:
    """A stored name in a statement."""
    return '"' + name.replace('"', '""') + '"'
