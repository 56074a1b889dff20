"""What the answers about environments say. Each function raises DamagedError if an answer is not as promised. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import ProviderError
from esc_operator.formats.phrases import printable
from esc_operator.providers.answers import without_secrets
from esc_operator.stores.pulumi.answers import DamagedError, Fields, json_fields, read_json
from esc_operator.stores.pulumi.diagnostics import read_diagnostics
from esc_operator.stores.pulumi.names import EnvironmentName, check_segment
from esc_operator.stores.pulumi.records import (
    Checked,
    ListedEnvironment,
    RotatedSecret,
    RotationEvent,
    Session,
    StoredText,
    Updated,
    User,
)
from esc_operator.stores.pulumi.values import environment_value

if TYPE_CHECKING:
    from esc_operator.lang.diagnostics import Diagnostics
    from esc_operator.providers.port import HttpAnswer
    from esc_operator.stores.pulumi.requests import Asked


def listed_environments(answer: HttpAnswer) -> tuple[list[ListedEnvironment], str | None]:
    """One page, and where the next one begins."""
    fields = json_fields(answer)
    page = [_listed_environment(each) for each in fields.objects("environments", required=True)]
    return page, fields.text("nextToken", "") or None


def stored_text(answer: HttpAnswer) -> StoredText:
    revision = _revision(answer)
    if revision is None:
        raise DamagedError("the header Pulumi-ESC-Revision is missing, or no number")
    try:
        return StoredText(answer.body.decode(), revision, answer.headers.get("etag", ""))
    except UnicodeDecodeError:
        raise DamagedError("the definition is not UTF-8") from None


def updated(answer: HttpAnswer) -> Updated:
    findings = json_fields(answer).list("diagnostics") if answer.body.strip() else ()
    return Updated(_revision(answer), read_diagnostics(findings))


def checked(answer: HttpAnswer) -> Checked:
    content = read_json(answer.body)
    diagnostics = read_diagnostics(Fields(content).list("diagnostics"))
    has_errors = any(diagnostic.is_error for diagnostic in diagnostics)
    return Checked(None if has_errors else environment_value(content), diagnostics)


def session(answer: HttpAnswer, path: tuple[str, ...], asked: Asked) -> Session:
    """The session that was opened, to be read below `path`."""
    fields = json_fields(answer)
    try:
        identifier = check_segment("session", fields.filled("id"))
    except ProviderError:
        raise DamagedError("id cannot be one of a session") from None
    return Session(
        (*path, identifier),
        asked.organization,
        asked.environment or "from a text",
        _revision(answer),
        read_diagnostics(fields.list("diagnostics")),
    )


def rotation_event(answer: HttpAnswer) -> RotationEvent:
    fields = json_fields(answer)
    return _rotation_event(fields.required_object("secretRotationEvent"), read_diagnostics(fields.list("diagnostics")))


def rotation_events(answer: HttpAnswer) -> tuple[RotationEvent, ...]:
    return tuple(_rotation_event(each) for each in json_fields(answer).objects("events"))


def user(answer: HttpAnswer) -> User:
    fields = json_fields(answer)
    token = fields.object("tokenInfo") or Fields({})
    return User(
        printable(fields.filled("githubLogin")),
        printable(fields.text("name", "")),
        printable(fields.text("email", "")),
        tuple(printable(each.filled("githubLogin")) for each in fields.objects("organizations")),
        printable(token.text("name", "")),
        printable(token.text("organization", "")),
        printable(token.text("team", "")),
    )


def _listed_environment(fields: Fields) -> ListedEnvironment:
    name = EnvironmentName(
        printable(fields.filled("organization")),
        # Environments from before there were projects have none.
        printable(fields.text("project", "")) or "default",
        printable(fields.filled("name")),
    )
    return ListedEnvironment(name, fields.time("created"), fields.time("modified"))


def _rotation_event(event: Fields, diagnostics: Diagnostics = ()) -> RotationEvent:
    return RotationEvent(
        event.text("id", ""),
        event.filled("status"),
        _shown(event.text("errorMessage", "")),
        event.whole("postRotationRevision", 0) or None,
        tuple(_rotated_secret(each) for each in event.objects("rotations")),
        diagnostics,
    )


def _rotated_secret(fields: Fields) -> RotatedSecret:
    return RotatedSecret(
        printable(fields.text("environmentPath", "")), fields.filled("status"), _shown(fields.text("errorMessage", ""))
    )


def _revision(answer: HttpAnswer) -> int | None:
    text = answer.headers.get("pulumi-esc-revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _shown(text: str) -> str:
    return printable(without_secrets(text))
