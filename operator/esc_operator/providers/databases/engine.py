"""What differs between databases: how a password is changed by each one's own protocol, and what their errors mean.

An engine returns errors and raises none: the traceback of one that is raised would hold frames with passwords. None of
the words of a server or a library is shown, since a server is chosen by the author of an environment, and may say
anything.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons
from esc_operator.providers.databases import reasons as database_reasons
from esc_operator.providers.databases.inputs import DISABLE, REQUIRE, VERIFY
from esc_operator.providers.refusals import malformed_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.providers.databases.inputs import Credentials, Server
    from esc_operator.providers.port import Stream


class Change(NamedTuple):
    """A password to set, in which product, where, and as whom."""

    product: str
    server: Server
    managing: Credentials
    wanted: Credentials

    @property
    def place(self) -> str:
        return f"{self.product} at {self.server}"

    @property
    def manager(self) -> str:
        return self.managing.username

    @property
    def user(self) -> str:
        return self.wanted.username


class Engine(Protocol):
    """One kind of database. `product` is its name for people, `longest_name` how long a user's name may be (bytes)."""

    name: ClassVar[str]
    product: ClassVar[str]
    longest_name: ClassVar[int]

    def change(self, stream: Stream, change: Change) -> ProviderError | None:
        """Set the password; the error if it was not, or may not have been. Blocking."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code of a database's error means."""

    reason: str
    advice: Callable[[Change], str]
    outage: bool = False


def explain(rules: Mapping[str, Rule], code: str, change: Change) -> ProviderError:
    """The error for a code of the database."""
    rule = rules.get(code)
    if rule is None:
        shown = code if code.isalnum() and len(code) <= 8 else "an unreadable code"
        message = f'{change.place} refused to change the password of user "{change.user}" ({shown})'
        return ProviderError(f"{message}: look that code up in its manual", reason=database_reasons.DATABASE_REFUSED)
    return ProviderError(rule.advice(change), reason=rule.reason, outage=rule.outage)


def explain_cause(change: Change, error: BaseException) -> ProviderError | None:
    """The error for what the connection or TLS said, if that is why a library failed; else None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ProviderError):
            return ProviderError(cause.message, reason=cause.reason, outage=cause.outage)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(change, cause)
        if isinstance(cause, TimeoutError):
            message = f"{change.place} did not answer in time; this is tried again"
            return ProviderError(message, reason=reasons.ANSWER_TIMEOUT, outage=True)
        if isinstance(cause, ssl.SSLError):
            message = f"TLS with {change.place} failed ({type(cause).__name__}); check its versions of TLS"
            return ProviderError(message, reason=database_reasons.TLS_MISSING, outage=True)
        if isinstance(cause, OSError | EOFError):
            message = f"{change.place} ended the connection ({type(cause).__name__}); this is tried again"
            return ProviderError(message, reason=reasons.ANSWER_CUT_OFF, outage=True)
        cause = getattr(cause, "original_exception", None) or cause.__cause__ or cause.__context__
    return None


def malformed(change: Change) -> ProviderError:
    return malformed_answer(
        f"{change.server} sent an answer", f"it is none that {change.product} gives to this request"
    )


def no_tls(change: Change) -> ProviderError:
    return ProviderError(
        f"{change.place} offers no TLS: switch it on there, or write `sslmode: {DISABLE}` if its network may read "
        "the passwords",
        reason=database_reasons.TLS_MISSING,
    )


def _certificate(change: Change, error: ssl.SSLCertVerificationError) -> ProviderError:
    # A name or a date, in words of OpenSSL's own: they quote the host of the inputs at most.
    why = error.verify_message if error.verify_message.isprintable() else "it does not hold"
    return ProviderError(
        f"the certificate of {change.place} was refused ({why}): write that of its authority into `sslrootcert`, "
        f"use the host's name that is in it, or write `sslmode: {REQUIRE}` to accept any",
        reason=database_reasons.CERTIFICATE_REFUSED,
    )


def tls_of(stream: Stream, server: Server) -> ssl.SSLContext | None:
    """How to use TLS; None if not at all. Raises ProviderError."""
    if server.mode == DISABLE:
        return None
    return stream.tls(server.authorities, verifies=server.mode == VERIFY)


def advise_login(change: Change) -> str:
    return f'{change.place} does not accept the managing user "{change.manager}": check its name and its password'


def advise_entry(change: Change) -> str:
    return (
        f'{change.place} does not let the managing user "{change.manager}" in from where this runs: '
        "check from which hosts that user may connect, and whether with TLS only"
    )


def advise_database(change: Change) -> str:
    return (
        f'{change.place} has no database "{change.server.database}" that "{change.manager}" may use: check `database`'
    )


def advise_user(change: Change) -> str:
    return (
        f'{change.place} has no user "{change.user}" whose password "{change.manager}" can '
        "change: create it, or check `rotateUsers`"
    )


def needs(right: str) -> Callable[[Change], str]:
    """Advice on the right that the managing user lacks."""
    return lambda change: (
        f'the managing user "{change.manager}" may not change the password of "{change.user}" in {change.place}: it '
        f"needs {right}"
    )


def advise_read_only(change: Change) -> str:
    return f"{change.place} is read-only, like a replica: use the host of the primary server"


def advise_connections(change: Change) -> str:
    return f"{change.place} has no connection left; this is tried again"


def advise_policy(change: Change) -> str:
    return (
        f'{change.place} refuses the new password of "{change.user}" by a policy: it has 43 letters, '
        "digits, - and _; change the policy for this user"
    )


def advise_outage(change: Change) -> str:
    return f"{change.place} does not serve now: it starts, stops or recovers; this is tried again"


def advise_locked(change: Change) -> str:
    return (
        f'the user "{change.user}" may not log in to {change.place}, whatever its password is: check '
        "that it is allowed to, and not expired"
    )
