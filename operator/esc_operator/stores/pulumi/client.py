"""The client: one method an operation on environments. What an environment has beside it is in modules of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from esc_operator.errors import ProviderError
from esc_operator.formats.phrases import printable
from esc_operator.schema import free
from esc_operator.stores.pulumi import reading, reasons
from esc_operator.stores.pulumi.answers import json_fields, read_json
from esc_operator.stores.pulumi.failures import DefinitionError, retracted
from esc_operator.stores.pulumi.names import EnvironmentName, check_name, check_version
from esc_operator.stores.pulumi.paging import Pages
from esc_operator.stores.pulumi.records import (
    NOTHING_ELSE,
    Checked,
    CloneOptions,
    ListedEnvironment,
    RotationEvent,
    Session,
    StoredText,
    Updated,
)
from esc_operator.stores.pulumi.requests import YAML, Asked, Call, about, json_body
from esc_operator.stores.pulumi.revisions import Revisions, RevisionTags
from esc_operator.stores.pulumi.schedules import Schedules
from esc_operator.stores.pulumi.sending import Calls
from esc_operator.stores.pulumi.tags import Tags
from esc_operator.stores.pulumi.values import environment_value, property_value
from esc_operator.stores.pulumi.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.evaluation import Value
    from esc_operator.schema import Charge
    from esc_operator.stores.pulumi.records import User
    from esc_operator.stores.pulumi.sending import Api
    from esc_operator.stores.pulumi.tokens import Tokens

DEFAULT_DURATION: Final = timedelta(hours=2)
"""How long a session can be read, if the caller does not say."""


class PulumiCloud:
    """The API, for the user whose token it is. Every method raises ProviderError, and what `tokens` raises.

    `revisions`, `revision_tags`, `tags`, `schedules` and `webhooks` are what an environment has beside its definition.
    """

    def __init__(self, api: Api, tokens: Tokens) -> None:
        self._calls = calls = Calls(api, tokens)
        self.revisions = Revisions(calls)
        self.revision_tags = RevisionTags(calls)
        self.tags = Tags(calls)
        self.schedules = Schedules(calls)
        self.webhooks = Webhooks(calls)

    # The user

    async def user(self) -> User:
        return await self._calls.read(Call(Asked("read the user"), "GET", ("user",)), reading.user)

    async def default_organization(self) -> str | None:
        """The organization that a reference without one means, if the user has set it."""
        call = Call(Asked("read the default organization"), "GET", ("user", "organizations", "default"))
        try:
            return await self._calls.read(call, lambda answer: json_fields(answer).text("gitHubLogin", "") or None)
        except ProviderError as error:
            if error.reason != reasons.ORGANIZATION_NOT_FOUND:
                raise
            return None

    # Environments as they are stored

    async def list(self, organization: str = "") -> tuple[ListedEnvironment, ...]:
        """The environments of an organization, or, with "", of all that the token may see."""
        path = ("esc", "environments", *((check_name("organization", organization),) if organization else ()))
        asked = Asked(f"list the environments{f' of {organization}' if organization else ''}", organization)
        pages: Pages[ListedEnvironment] = Pages()
        while pages.following is not None:
            query = {"continuationToken": pages.following} if pages.following else {}
            await self._calls.read(
                Call(asked, "GET", path, query), lambda answer: pages.take(*reading.listed_environments(answer))
            )
        return tuple(pages.found)

    async def create(self, environment: EnvironmentName) -> None:
        """Create an empty environment."""
        path = environment.path()
        thing = f"environment {environment}"
        asked = Asked(f"create {thing}", environment.organization, creates=thing)
        body = json_body({"project": environment.project, "name": environment.name})
        await self._calls.succeed(Call(asked, "POST", path[:3], body=body))

    async def read(self, environment: EnvironmentName, version: str = "", *, decrypted: bool = False) -> StoredText:
        """The definition, of a revision or tag, "" for the latest; with `decrypted` its secrets are in plaintext."""
        path = (*_at_version(environment, version), *(("decrypt",) if decrypted else ()))
        asked = about("decrypt" if decrypted else "read", environment, version)
        try:
            return await self._calls.read(Call(asked, "GET", path), reading.stored_text)
        except ProviderError as error:
            raise await self._explained(error, environment, version) from None

    async def update(self, environment: EnvironmentName, text: str, *, etag: str = "") -> Updated:
        """Write a definition as a new revision; with the `etag` of what was read, only if nobody else did since (else
        the reason is EnvironmentChanged). Raises DefinitionError if the service finds errors in it."""
        headers = {"ETag": etag} if etag else {}
        call = Call(about("update", environment), "PATCH", environment.path(), body=text.encode(), content_type=YAML)
        return await self._calls.read(call._replace(headers=headers), reading.updated)

    async def delete(self, environment: EnvironmentName) -> None:
        """Delete an environment with all its revisions; the reason is DeletionProtected if it is."""
        await self._calls.succeed(Call(about("delete", environment), "DELETE", environment.path()))

    async def clone(
        self, source: EnvironmentName, project: str, name: str, options: CloneOptions = NOTHING_ELSE
    ) -> None:
        """Copy an environment to another name in its organization."""
        target = EnvironmentName(source.organization, project, name)
        target.path()
        asked = about("clone", source)._replace(creates=f"environment {target}")
        body = {"project": project, "name": name, **options.fields()}
        await self._calls.succeed(Call(asked, "POST", (*source.path(), "clone"), body=json_body(body)))

    async def is_deletion_protected(self, environment: EnvironmentName) -> bool:
        call = Call(about("read the settings of", environment), "GET", (*environment.path(), "settings"))
        return await self._calls.read(call, lambda answer: json_fields(answer).flag("deletionProtected"))

    async def protect_from_deletion(self, environment: EnvironmentName, *, protected: bool) -> None:
        call = Call(about("change the settings of", environment), "PATCH", (*environment.path(), "settings"))
        await self._calls.succeed(call._replace(body=json_body({"deletionProtected": protected})))

    # Evaluation

    async def check(self, environment: EnvironmentName, version: str = "", *, show_secrets: bool = False) -> Checked:
        """Evaluate an environment without opening anything in it. Errors in it are part of the result."""
        path = (*_at_version(environment, version), "check")
        call = Call(about("check", environment, version), "POST", path, _showing(show_secrets), body=b"")
        return await self._check(call)

    async def check_text(self, organization: str, text: str, *, show_secrets: bool = False) -> Checked:
        """The same for a definition that is stored nowhere."""
        asked = Asked("check a definition", organization)
        call = Call(asked, "POST", _of_text(organization, "check"), _showing(show_secrets), text.encode(), YAML)
        return await self._check(call)

    async def open(
        self, environment: EnvironmentName, version: str = "", duration: timedelta = DEFAULT_DURATION
    ) -> Session:
        """Evaluate an environment, with all that it imports and logs in to, and keep the values for `duration`.

        `version` is a revision or a tag, "" the latest. Raises DefinitionError if the service found errors in it.
        """
        path = (*_at_version(environment, version), "open")
        call = Call(about("open", environment, version), "POST", path, {"duration": go_duration(duration)}, body=b"")
        # A session of a version is read without it.
        base = (*environment.path(), "open")
        try:
            return await self._calls.read(call, lambda answer: reading.session(answer, base, call.asked))
        except ProviderError as error:
            raise await self._explained(error, environment, version) from None

    async def open_text(self, organization: str, text: str, duration: timedelta = DEFAULT_DURATION) -> Session:
        """Evaluate a definition that is stored nowhere. Raises as `open`."""
        path = _of_text(organization, "open")
        asked = Asked("open a definition", organization)
        call = Call(asked, "POST", path, {"duration": go_duration(duration)}, text.encode(), YAML)
        return await self._calls.read(call, lambda answer: reading.session(answer, path, asked))

    async def read_session(self, session: Session, property_path: str = "", *, charge: Charge = free) -> Value:
        """The values of an opened environment, or of one property (`aws.login`). `charge` is paid for all that is made
        of the answer, before it is made."""
        action = f"read opened environment {session.name}"
        if not property_path:
            asked = Asked(action, session.organization, session.name, thing="session", missing="session")
            return await self._calls.read(
                Call(asked, "GET", session.path),
                lambda answer: environment_value(read_json(answer.body), charge=charge),
            )
        thing = f"property {printable(property_path)}"
        asked = Asked(f"{action}, {thing}", session.organization, session.name, thing=thing, missing="property")
        return await self._calls.read(
            Call(asked, "GET", session.path, {"property": property_path}),
            lambda answer: property_value(read_json(answer.body), charge=charge),
        )

    async def rotate(self, environment: EnvironmentName, paths: Sequence[str] = ()) -> RotationEvent:
        """Rotate secrets of an environment, all of them without `paths`. What failed is in the result. Raises
        DefinitionError if the service finds errors in the definition."""
        # The command of the service writes the capital letter, and its public description does not.
        body = json_body({"Paths": list(paths)})
        call = Call(about("rotate the secrets of", environment), "POST", (*environment.path(), "rotate"), body=body)
        return await self._calls.read(call, reading.rotation_event)

    async def rotations(self, environment: EnvironmentName) -> tuple[RotationEvent, ...]:
        """The rotations of an environment so far, the newest first."""
        call = Call(about("read the rotations of", environment), "GET", (*environment.path(), "rotate", "history"))
        return await self._calls.read(call, reading.rotation_events)

    async def _check(self, call: Call) -> Checked:
        try:
            return await self._calls.read(call, reading.checked)
        except DefinitionError as error:
            return Checked(None, error.diagnostics)

    async def _explained(self, error: ProviderError, environment: EnvironmentName, version: str) -> ProviderError:
        """The same failure; with the replacement if the revision was retracted, which the service need not tell."""
        if error.reason not in {reasons.VERSION_NOT_FOUND, reasons.REVISION_RETRACTED} or not version.isdecimal():
            return error
        try:
            revision = await self.revisions.find(environment, int(version))
        except ProviderError:  # the token may not read revisions
            return error
        return error if revision is None or revision.retraction is None else retracted(environment, revision)


def go_duration(duration: timedelta) -> str:
    """A duration as Go writes it: `2h0m0s`."""
    seconds = int(duration.total_seconds())
    return f"{seconds // 3600}h{seconds // 60 % 60}m{seconds % 60}s"


def _at_version(environment: EnvironmentName, version: str) -> tuple[str, ...]:
    path = environment.path()
    return (*path, "versions", check_version(version)) if version else path


def _of_text(organization: str, action: str) -> tuple[str, ...]:
    return ("esc", "environments", check_name("organization", organization), "yaml", action)


def _showing(show_secrets: bool) -> dict[str, str]:
    return {"showSecrets": "true" if show_secrets else "false"}
