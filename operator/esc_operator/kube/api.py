"""Requests to the API server: plain dicts in and out, every request with a timeout, KubeError only.

It speaks HTTP itself: the official client's models, and its copies of every body and header, cost more than the
requests, and its import takes more memory than all of the operator (128 MB instead of 56).
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import aiohttp

from esc_operator import __version__
from esc_operator.errors import KubeError, NotFoundError, UnavailableError
from esc_operator.kube.asker import ASKER, Unbounded
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.lines import split_lines
from esc_operator.kube.no_answer import (
    PATIENCE,
    Patience,
    error_from_failure,
    error_from_strange_answer,
    error_from_stranger,
)
from esc_operator.kube.pages import LARGEST_ITEM, ItemReader, MalformedListError, Page, PageLimits
from esc_operator.kube.paths import (
    CLUSTER_ENVIRONMENTS,
    ENVIRONMENTS,
    EVENTS,
    NAMESPACES,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)
from esc_operator.kube.policy_messages import POLICIES, PolicyMessages
from esc_operator.kube.refusals import NO_WORDS
from esc_operator.kube.requests import Request
from esc_operator.kube.sender import Sender, failure_of
from esc_operator.kube.socks_connector import open_client
from esc_operator.kube.tokens import missing_service_account, parse_token, token_request
from esc_operator.kube.translate import denying_policy_of, error_from_answer
from esc_operator.resources.environment import Key
from esc_operator.resources.extent import LARGEST_ENVIRONMENT, without_definition
from esc_operator.resources.field_managers import FIELD_MANAGER
from esc_operator.telemetry import SILENT, Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from esc_operator.kube.asker import Places
    from esc_operator.kube.connection import Connection
    from esc_operator.kube.refusals import PolicyWords
    from esc_operator.providers.port import IdentityToken

T = TypeVar("T")

REQUEST_TIMEOUT = 30.0
"""Seconds for a whole request."""
WATCH_SECONDS = 290
"""How long the server keeps a watch open before it is opened again."""
IDLE_SECONDS = 60
"""How long an idle connection is kept: less than the API server keeps it."""

_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_FAILURES = (TimeoutError, aiohttp.ClientError, OSError, asyncio.IncompleteReadError)
_LIMITS = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=PATIENCE.connect)
# A silent connection is dead: bookmarks come each minute.
_WATCH_LIMITS = aiohttp.ClientTimeout(total=WATCH_SECONDS + 30, sock_connect=PATIENCE.connect, sock_read=90)


class KubeApi:
    """A connection to one API server. Belongs to one event loop; close it when done.

    `permit` is called just before each request that changes something, and prevents it by not returning. `places` limit
    how many requests of one namespace run while others wait; watches take none.
    """

    def __init__(
        self,
        connection: Connection,
        telemetry: Telemetry = SILENT,
        *,
        permit: Callable[[], None] = lambda: None,
        places: Places | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self._places = places or Unbounded()
        self._first_limits = aiohttp.ClientTimeout(total=patience.answer, sock_connect=patience.connect)
        self._telemetry = telemetry
        self._config = connection.config
        self._session = open_client(
            connection.config,
            MAX_CONNECTIONS,
            keepalive_timeout=IDLE_SECONDS,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"esc-operator/{__version__}"},
            timeout=_LIMITS,
        )
        self._sender = Sender(connection, self._session, permit)
        self._policies = PolicyMessages(self._read_policy)

    async def close(self) -> None:
        await self._session.close()

    async def require_list(self, resource: Resource, namespace: str | None) -> None:
        """Raises KubeError if objects of a kind cannot be listed, and soon if the API server cannot be reached."""
        await self._list_page(resource, namespace, len, {"limit": "1"}, limits=self._first_limits)

    async def read(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """An object, without its definition if that is too large: see `without_definition`."""
        return (await self.read_sized(resource, namespace, name))[0]

    async def read_sized(self, resource: Resource, namespace: str | None, name: str) -> tuple[dict[str, Any], int]:
        """As `read`, with the size of the answer in bytes."""
        what = f"read {resource.plural} {Key(namespace or '', name)}"
        data = await self._ask("GET", resource.path(namespace, name), what)
        body = self._parse(data, what)
        if not isinstance(body.get("metadata"), dict):
            raise error_from_stranger(what, self._config)
        if resource in {ENVIRONMENTS, CLUSTER_ENVIRONMENTS} and len(data) > LARGEST_ENVIRONMENT:
            return without_definition(body, len(data)), len(data)
        return body, len(data)

    async def read_issuer(self) -> str:
        """The issuer of this cluster's ServiceAccount tokens."""
        found = await self._json("GET", "/.well-known/openid-configuration", "read the cluster's issuer")
        return str(found.get("issuer") or "")

    async def read_document(self, path: str) -> dict[str, Any]:
        """A document that the API server publishes about itself, such as its OpenAPI schemas."""
        return await self._json("GET", path, f"read {path.partition('?')[0]}")

    async def read_metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Only the metadata of an object: none of a Secret's values leave the server."""
        what = f"read {resource.plural} {namespace}/{name}"
        return await self._json("GET", resource.path(namespace, name), what, accept=METADATA)

    async def read_namespace(self, name: str) -> dict[str, Any]:
        """The metadata of a Namespace."""
        return await self._json("GET", NAMESPACES.path(name=name), f"read namespace {name}", accept=METADATA)

    async def list_all(  # noqa: PLR0913 - a list, what is made of it, and how it is asked for
        self,
        resource: Resource,
        namespace: str | None,
        each: Callable[[dict[str, Any]], T],
        limits: PageLimits,
        *,
        accept: str = _JSON,
        heard: Callable[[], None] = lambda: None,
        **query: str,
    ) -> tuple[list[T], str]:
        """The results of `each` for every object, and the version of the list. `heard` is called for each page."""
        found: list[T] = []
        asked = {**query, "limit": str(limits.begin())}
        while True:
            try:
                page = await self.list_page(resource, namespace, each, accept=accept, **asked)
            except UnavailableError:
                limits.fail()
                raise
            heard()
            found += page.items
            if not page.token:
                limits.end()
                return found, page.metadata["resourceVersion"]
            asked |= {"limit": str(limits.go_on(len(page.items), page.size)), "continue": page.token}

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None,
        each: Callable[[dict[str, Any]], T],
        *,
        accept: str = _JSON,
        **query: str,
    ) -> Page[T]:
        """The results of `each` for the objects of one page. Objects are read one by one, and none is kept."""
        return await self._list_page(resource, namespace, each, query, accept)

    async def _list_page(  # noqa: PLR0913, PLR0917 - a list, what is made of it, and how it is asked for
        self,
        resource: Resource,
        namespace: str | None,
        each: Callable[[dict[str, Any]], T],
        query: Mapping[str, str],
        accept: str = _JSON,
        limits: aiohttp.ClientTimeout = _LIMITS,
    ) -> Page[T]:
        what, path = f"list {resource.plural}", resource.path(namespace)
        async with self._place():
            with Request(self._telemetry, "GET", path) as request:
                try:
                    async with await self._send("GET", path, query, accept, limits=limits) as answer:
                        if answer.status >= 300:
                            data = await _read_all(answer, what)
                            request.answered(answer.status)
                            raise self._refused(answer, data, what)
                        reader = ItemReader(answer.content.iter_any())
                        found = [each(item.body) async for item in reader.items()]
                except _FAILURES as failure:
                    raise self._failed(failure, what) from failure
                except MalformedListError:
                    raise error_from_stranger(what, self._config, answer.status) from None
                request.answered(answer.status)
        return Page(found, reader.fields["metadata"], reader.size)

    async def apply(
        self, resource: Resource, body: Mapping[str, Any], *, force: bool, whole: bool = False
    ) -> dict[str, Any]:
        """Server-side apply of a whole object; with `metadata.resourceVersion` in it, only onto that version.

        Returns the metadata of the result, or (`whole`) all of it, with what others have added.
        """
        metadata = body["metadata"]
        return await self._json(
            "PATCH",
            resource.path(metadata["namespace"], metadata["name"]),
            f"write {resource.plural} {metadata['namespace']}/{metadata['name']}",
            body=body,
            content_type=_APPLY,
            accept=_JSON if whole else METADATA,
            query={"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"},
            is_confidential=resource == SECRETS,
        )

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], accept: str = _JSON
    ) -> dict[str, Any]:
        """Merge `body` into an object; with `metadata.resourceVersion` in it, only into that version. Returns the
        result, or (METADATA) only its metadata."""
        return await self._json(
            "PATCH",
            resource.path(namespace, name),
            f"change {resource.plural} {namespace}/{name}",
            body=body,
            content_type=_MERGE,
            accept=accept,
            query={"fieldManager": FIELD_MANAGER},
            is_confidential=resource == SECRETS,
        )

    async def patch_status(
        self, resource: Resource, namespace: str | None, name: str, status: Mapping[str, Any], uid: str
    ) -> None:
        """Merge `status` into an object's status: None clears a field. Only if the object still has that UID."""
        await self._json(
            "PATCH",
            resource.path(namespace, name, "status"),
            f"write the status of {resource.plural} {Key(namespace or '', name)}",
            body={"metadata": {"uid": uid}, "status": status},
            content_type=_MERGE,
            accept=METADATA,
            query={"fieldManager": FIELD_MANAGER},
        )

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object. Raises ConflictError if one of that name exists."""
        what = f"create {resource.plural} {namespace}/{body['metadata']['name']}"
        return await self._json("POST", resource.path(namespace), what, body=body, is_confidential=resource == SECRETS)

    async def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str) -> None:
        """Delete an object, only if it still has that UID; one that is already gone is no error."""
        try:
            await self._json(
                "DELETE",
                resource.path(namespace, name),
                f"delete {resource.plural} {Key(namespace or '', name)}",
                body={"preconditions": {"uid": uid}},
                is_confidential=resource == SECRETS,  # webhooks and policies see what is deleted
            )
        except NotFoundError:
            return

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        await self._json("POST", EVENTS.path(namespace), f"post an event in {namespace}", body=event)

    async def review(self, resource: Resource, spec: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        """The answer to a TokenReview or to a review of access, `namespace` for one of a namespace. It changes nothing,
        so a standby may send it too; since it may contain a token, the words of a refusal are not repeated."""
        body = {"apiVersion": resource.root.removeprefix("/apis/"), "kind": resource.kind, "spec": spec}
        if namespace is not None:
            body["metadata"] = {"namespace": namespace}
        what = f"create {resource.plural}"
        return await self._json("POST", resource.path(namespace), what, body=body, is_confidential=True, changes=False)

    async def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken:
        """A token of a ServiceAccount for one audience. Raises IdentityError if there is no such ServiceAccount."""
        path = SERVICE_ACCOUNTS.path(namespace, service_account, "token")
        what = f"get a token of ServiceAccount {namespace}/{service_account}"
        try:
            return parse_token(await self._json("POST", path, what, body=token_request(audience)))
        except NotFoundError as error:
            raise missing_service_account(namespace, service_account) from error

    async def watch_lines(self, resource: Resource, namespace: str | None, **query: str) -> AsyncGenerator[bytes, None]:
        """The raw lines of a metadata watch. Ends when the server ends it; raises KubeError."""
        what = f"watch {resource.plural}"
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS), **query}
        path = resource.path(namespace)
        try:
            with Request(self._telemetry, "GET", path, watch=True) as request:
                opened = await self._send("GET", path, query, METADATA, limits=_WATCH_LIMITS)
                request.answered(opened.status)
            async with opened as answer:
                if answer.status >= 300:
                    raise self._refused(answer, await _read_all(answer, what), what)
                async for line in split_lines(answer.content.iter_any()):
                    yield line
        except _FAILURES as failure:
            raise self._failed(failure, what) from failure

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        asker = ASKER.get()
        await self._places.enter(asker)
        try:
            yield
        finally:
            self._places.leave(asker)

    async def _json(self, method: str, path: str, what: str, **how: Any) -> dict[str, Any]:
        """As `_ask`, parsed."""
        return self._parse(await self._ask(method, path, what, **how), what)

    async def _ask(  # noqa: PLR0913 - the parts of one HTTP request
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
        query: Mapping[str, str] | None = None,
        is_confidential: bool = False,
        changes: bool = True,
    ) -> bytes:
        """The answer's text. Raises KubeError."""
        async with self._place():
            with Request(self._telemetry, method, path) as request:
                try:
                    async with await self._send(
                        method, path, query, accept, body=body, content_type=content_type, changes=changes
                    ) as answer:
                        data = await _read_all(answer, what)
                except _FAILURES as failure:
                    raise self._failed(failure, what) from failure
                request.answered(answer.status)
        if answer.status < 300:
            return data
        policy = denying_policy_of(data) if is_confidential else ""
        words = await self._policies.find(policy) if policy else NO_WORDS
        raise self._refused(answer, data, what, is_confidential=is_confidential, of_policy=words)

    async def _read_policy(self, name: str) -> dict[str, Any]:
        return await self.read(POLICIES, None, name)

    def _failed(self, failure: BaseException, what: str) -> KubeError:
        return error_from_failure(failure_of(failure, self._config), what, self._config)

    def _refused(
        self,
        answer: aiohttp.ClientResponse,
        data: bytes,
        what: str,
        *,
        is_confidential: bool = False,
        of_policy: PolicyWords = NO_WORDS,
    ) -> KubeError:
        if strange := error_from_strange_answer(answer.status, answer.content_type, data, what, self._config):
            return strange
        return error_from_answer(
            answer.status, data, answer.headers, what, is_confidential=is_confidential, of_policy=of_policy
        )

    def _parse(self, data: bytes, what: str) -> dict[str, Any]:
        try:
            parsed = json.loads(data)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise error_from_stranger(what, self._config)
        return parsed

    async def _send(  # noqa: PLR0913 - the parts of one HTTP request
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        accept: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
        limits: aiohttp.ClientTimeout = _LIMITS,
        changes: bool = True,
    ) -> aiohttp.ClientResponse:
        return await self._sender.request(
            method,
            f"{path}{f'?{urlencode(query)}' if query else ''}",
            headers={"Accept": accept, "Content-Type": content_type},
            data=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
            timeout=limits,
            allow_redirects=False,
            changes=changes,
        )


async def _read_all(answer: aiohttp.ClientResponse, what: str) -> bytes:
    """An answer's body, if it is not larger than an object can be."""
    parts, size = [], 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > LARGEST_ITEM:
            answer.close()
            raise KubeError(f"could not {what}: the answer is larger than {LARGEST_ITEM} bytes")
        parts.append(chunk)
    return b"".join(parts)
