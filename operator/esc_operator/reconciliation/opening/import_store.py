"""The environments that one environment imports, read from the API server.

Owns two records: how each import was used, which statuses show if the reader's own place has named it, and the state in
which each was seen, which no status shows. Invariant: for an import that is not shared, only the second record shows
that it exists; and it costs the same reads as one that does not exist.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.errors import KubeError, NotFoundError
from esc_operator.formats.spelling import Speller
from esc_operator.kube.paths import environment_resource
from esc_operator.lang.reasons import LIMIT_EXCEEDED
from esc_operator.reconciliation.opening.definitions import Definitions, ReadDefinition
from esc_operator.reconciliation.sync.outcome import Imports, Sighting, SourceRead, Uses
from esc_operator.resources import reasons
from esc_operator.resources.definition_source import PulumiSource, parse_source
from esc_operator.resources.environment import parse_account
from esc_operator.resources.extent import LARGEST_ENVIRONMENT, refuse_size
from esc_operator.resources.imported import NOT_THERE, Imported
from esc_operator.resources.sharing import may_import, parse_sharing
from esc_operator.stores.imports import candidates, nothing_found, place_of
from esc_operator.stores.port import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.definition_source import DefinitionSource
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.stores.port import StoredDefinition


MOST_BYTES = 4 * LARGEST_ENVIRONMENT
"""Of the texts of all imports of one evaluation."""
TOO_MUCH = (
    f"the imported environments have more than {MOST_BYTES:,} bytes of JSON together, as the API server stores "
    "them: import fewer or smaller ones"
)
SEE_OWNER = "ask its owner, who sees the cause in its status"
AT_ONCE = 8
"""How many are read at a time; their bytes are counted only after the read."""


class ImportStore:
    """An AsyncStore for one evaluation, of an environment in `home`, which records the requested imports.

    `reach` are the namespaces that this operator works on, empty for all; if it works on some only, it has no rights in
    others, nor to cluster-scoped objects. `importable(name, place, speller)`: some environments that the place may
    import; an import of `name` may mean one of them.
    """

    def __init__(
        self,
        api: KubeApi,
        home: str,
        reach: Collection[str] = (),
        importable: Callable[[str, str, Speller], Collection[str]] = lambda name, place, speller: (),
        definitions: Definitions | None = None,
    ) -> None:
        self._api = api
        self._definitions = definitions or Definitions(api)
        self._home = home
        self._importable = importable
        self._speller = Speller()
        self._suggestions: dict[tuple[str, str], Collection[str]] = {}
        self._reach = frozenset(reach)
        self._own = _Notes(home)
        self._behind = _Notes(home)
        self._sightings: list[Sighting] = []
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._bytes = 0
        self.source: SourceRead | None = None
        """The read of the object that holds the definition of the environment itself."""
        self.sources: dict[str, FoundSource] = {}
        """What Pulumi Cloud holds, of the environment and of its imports, by their full names."""
        self.confidential: set[str] = set()
        """The full names of the imports whose texts some readers of the importer may not read."""
        self.trouble: KubeError | None = None
        """The error because of which not all imports are known."""

    async def read_root(self, environment: EscEnvironment) -> StoredDefinition | Failed:
        """The definition of the environment itself. Raises KubeError."""
        read = await self._definitions.read(
            environment.key, environment.source, generation=environment.generation, trusted=environment.trusted
        )
        self.source = read.source
        self._note_source(environment.key, environment.account, environment.source, read)
        return read.stored

    def _note_source(
        self, key: Key, account: Key | None, source: DefinitionSource | None, read: ReadDefinition
    ) -> None:
        if isinstance(source, PulumiSource):
            self.sources[key.full_name] = FoundSource(key, account, source, read.token)

    async def load(self, name: str, importer: str) -> StoredDefinition | Failed:
        """The imports of an environment are looked up from its own place, whichever environment imports it."""
        place = place_of(importer)
        keys = candidates(name, place)
        if isinstance(keys, Failed):
            return keys
        readable = [key for key in keys if not self._reach or key.namespace in self._reach]
        if not readable:
            return _out_of_reach(keys[0])
        notes = self._own if place == self._home else self._behind
        for key in readable:
            async with self._turns:
                body, size = await self._read(key)
            if body is not None and may_import(place, key.namespace, parse_sharing(body)):
                return await self._load(notes, place, key, body, size)
            notes.note_refused(key, place)
        return nothing_found(name, readable, place, self._suggested(name, place))

    def _suggested(self, name: str, place: str) -> Collection[str]:
        # Nobody here reads the messages about imports of environments in other places.
        if place != self._home:
            return ()
        asked = name.rpartition("/")[0], place
        if asked not in self._suggestions:
            self._suggestions[asked] = self._importable(name, place, self._speller)
        return self._suggestions[asked]

    @property
    def imports(self) -> Imports:
        """The recorded imports. Those that both the own place and its imports have used count for the own place: it
        knows them."""
        own = self._own.uses()
        return Imports(own, self._behind.uses(own.used), tuple(self._sightings), self.source)

    async def _read(self, key: Key) -> tuple[Mapping[str, Any] | None, int]:
        """An environment, None if it does not exist, and the bytes of its text."""
        try:
            body, size = await self._api.read_sized(
                environment_resource(key.namespace), key.namespace or None, key.name
            )
        except NotFoundError:
            self._sightings.append(Sighting(key, 0))
            return None, 0
        except KubeError as error:
            self.trouble = error
            raise
        metadata = body["metadata"]
        self._sightings.append(Sighting(key, metadata.get("generation", 0), metadata["uid"], parse_sharing(body)))
        return body, size

    async def _load(
        self, notes: _Notes, place: str, key: Key, body: Mapping[str, Any], size: int
    ) -> StoredDefinition | Failed:
        generation, uid = body["metadata"].get("generation", 0), body["metadata"]["uid"]
        if refusal := refuse_size(body):
            notes.note_used(key, Imported(generation, uid))
            return Failed(f"{key.describe()} cannot be imported: {refusal}", LIMIT_EXCEEDED)
        read = await self._read_definition(key, body, generation)
        mark = read.source.mark if read.source else ""
        notes.note_used(key, Imported(generation, uid, mark))
        if mark:
            self._sightings.append(Sighting(key, generation, uid, parse_sharing(body), mark))
        self._bytes += size + read.size
        if self._bytes > MOST_BYTES:
            return Failed(TOO_MUCH, LIMIT_EXCEEDED)
        stored = read.stored
        if isinstance(stored, Failed):
            # This place may not know which objects another one has.
            why = stored.message if key.namespace == place else f"it has no definition; {SEE_OWNER}"
            return stored._replace(message=f"{key.describe()} cannot be imported: {why}")
        if stored.is_confidential:
            self.confidential.add(stored.name)
        return stored

    async def _read_definition(self, key: Key, body: Mapping[str, Any], generation: int) -> ReadDefinition:
        spec = body["spec"]
        source = parse_source(spec)
        try:
            async with self._turns:
                read = await self._definitions.read(key, source, generation=generation)
        except KubeError as error:
            self.trouble = error
            raise
        self._note_source(key, parse_account(spec, key.namespace), source, read)
        return read


class FoundSource(NamedTuple):
    """An environment `key` that Pulumi Cloud holds, and its ServiceAccount. `token` is the access token, "" if the
    account's identity token is exchanged for one."""

    key: Key
    account: Key | None
    source: PulumiSource
    token: str

    def __repr__(self) -> str:
        return f"<FoundSource {self.source.origin}>"


class _Notes:
    """What definitions of some places have used, by the names that environments in `home` use."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._used: dict[Key, Imported] = {}
        self._refused: dict[Key, set[str]] = {}

    def note_used(self, key: Key, used: Imported) -> None:
        # Two names may mean it, read at different times: with the older state, the newer one is observed as a change.
        known = self._used.get(key, used)
        self._used[key] = used if known.uid == used.uid and used.generation < known.generation else known

    def note_refused(self, key: Key, place: str) -> None:
        places = self._refused.setdefault(key, set())
        if key.namespace != place:
            places.add(place)

    def uses(self, known: Mapping[str, Imported] | None = None) -> Uses:
        """All of it, except what is already `known` in the same state."""
        every = {key: self._used.get(key, NOT_THERE) for key in (*self._used, *self._refused)}
        used = {key.seen_from(self._home): one for key, one in every.items()}
        refused = {
            key.seen_from(self._home): frozenset(places)
            for key, places in self._refused.items()
            if places and not every[key].generation
        }
        return Uses({name: one for name, one in used.items() if (known or {}).get(name) != one}, refused)


def _out_of_reach(key: Key) -> Failed:
    return Failed(
        f"{key.describe()} cannot be imported: this operator does not work on its namespace; import one of a namespace "
        "that it works on",
        reasons.IMPORT_NOT_ALLOWED,
    )
