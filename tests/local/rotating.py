"""One rotation of an environment with a real database, as the operator performs it, in a process that may be killed.

Its Kubernetes is a folder: the Secret with the states of rotators, and the target Secret, each replaced as a whole, as
an API server does it.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.driver.opener import Opener
from esc_operator.driver.performer import Performer
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.errors import NotFoundError
from esc_operator.evaluation import Failed, OpenRotator, RotateState
from esc_operator.evaluation.plain import from_data
from esc_operator.providers.databases import mysql, postgres
from esc_operator.providers.databases.mysql import MySql
from esc_operator.providers.databases.postgres import Postgres
from esc_operator.providers.databases.rotator import DatabaseRotator
from esc_operator.reconciliation.opening.rotator_secrets import RotatorSecrets
from esc_operator.resources.environment import parse_environment
from esc_operator.testing import FakeIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STEPS = (
    "before the intention is stored",
    "after the intention is stored",
    "before the change",
    "after the change",
    "before the state is stored",
    "after the state is stored",
    "after the Secret is written",
)
"""Where a process can be killed: on either side of each act of a rotation."""

_PATH = "values.db"
_NAME = "apps/web"


class Task(NamedTuple):
    """A rotation: of which database, in which folder, for which request, and where it ends."""

    engine: str
    inputs: Mapping[str, Any]
    folder: str
    request: str
    killed: str = ""


def die_at(step: str, task: Task) -> None:
    if step == task.killed:
        os.kill(os.getpid(), signal.SIGKILL)


class _Folder:
    """The part of `KubeApi` that states need."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._writes = 0

    async def read(self, _: object, namespace: str, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((Path(self._task.folder) / f"{namespace}.{name}").read_text())
        except FileNotFoundError:
            raise NotFoundError("there is no such Secret") from None
        return found

    async def apply(self, _: object, body: dict[str, Any], **__: object) -> dict[str, Any]:
        holds_intention = '"pending"' in _states_text(body)
        what = "intention" if holds_intention else "state"
        die_at(f"before the {what} is stored", self._task)
        version = str(int(body["metadata"].get("resourceVersion", 0)) + 1)
        written = {**body, "metadata": {**body["metadata"], "resourceVersion": version, "uid": "a-uid"}}
        name = f"{body['metadata']['namespace']}.{body['metadata']['name']}"
        replace(Path(self._task.folder) / name, json.dumps(written))
        die_at(f"after the {what} is stored", self._task)
        return written


def replace(path: Path, text: str) -> None:
    other = path.with_name(f"{path.name}.{os.getpid()}")
    other.write_text(text)
    other.replace(path)


def _states_text(body: Mapping[str, Any]) -> str:
    return base64.b64decode(body["data"]["states"]).decode()


class _DyingPostgres(Postgres):
    def __init__(self, task: Task) -> None:
        super().__init__(_dying(postgres._open_session, task, "run", "ALTER"))


class _DyingMySql(MySql):
    def __init__(self, task: Task) -> None:
        super().__init__(_dying(mysql._open_session, task, "query", "ALTER"))


def _dying(connect: Callable[..., Any], task: Task, method: str, word: str) -> Callable[..., Any]:
    """Sessions that may kill this process on either side of the statement that changes the password."""

    def connected(*arguments: Any) -> Any:
        session = connect(*arguments)
        perform = getattr(session, method)

        def performed(statement: Any, *more: Any, **options: Any) -> Any:
            text = statement if isinstance(statement, str) else bytes(statement).decode()
            if not text.startswith(word):
                return perform(statement, *more, **options)
            die_at("before the change", task)
            answer = perform(statement, *more, **options)
            die_at("after the change", task)
            return answer

        setattr(session, method, performed)
        return session

    return connected


def rotate(task: Task) -> None:
    """Rotate, open and write the target Secret, unless it is killed; its exit code is 1 if it fails."""
    answer = asyncio.run(_rotate(task))
    if isinstance(answer, Failed):
        raise SystemExit(f"{answer.reason}: {answer.message}")
    replace(Path(task.folder) / "target", json.dumps(answer["current"]))
    die_at("after the Secret is written", task)


async def _rotate(task: Task) -> Any:
    engine = {"postgres": _DyingPostgres, "mysql": _DyingMySql}[task.engine](task)
    pool = BlockingPool()
    opener = Opener(pool=pool, logins=SharedLogins(_now), settings={}, now=_now, catalogue=_catalogue(engine))
    states = RotatorSecrets(_Folder(task)).of(_environment(task), rotates=True)  # type: ignore[arg-type]  # the part that is used
    performer = Performer(opener, FakeIdentity(), states=states)
    here = (task.engine, _NAME, _NAME, _PATH, from_data(dict(task.inputs), None, secret=False, deepest=50))
    state = from_data(None, None, secret=True, deepest=50)
    with _closing(pool):
        rotated = await performer.perform(RotateState(0, *here, state))
        if isinstance(rotated, Failed):
            return rotated
        kept = from_data(rotated.state, None, secret=True, deepest=50)  # type: ignore[union-attr]
        opened = await performer.perform(OpenRotator(1, *here, kept))
        return opened if isinstance(opened, Failed) else opened.value  # type: ignore[union-attr]


@contextmanager
def _closing(pool: BlockingPool) -> Iterator[None]:
    try:
        yield
    finally:
        pool.close()


def _catalogue(engine: Any) -> Any:
    from types import SimpleNamespace

    from esc_operator.driver.catalogue import Catalogue

    rotator = DatabaseRotator(engine)
    return Catalogue(rotators=SimpleNamespace(find=lambda _: rotator))  # type: ignore[arg-type]  # the part that is used


def _environment(task: Task) -> Any:
    metadata = {
        "name": "web",
        "namespace": "apps",
        "uid": "e-uid",
        "generation": 1,
        "resourceVersion": "1",
        "annotations": {"esc-operator.dev/rotate-requested-at": task.request},
    }
    return parse_environment({"metadata": metadata, "spec": {"environment": {"values": {}}}})


def kept_state(folder: Path) -> dict[str, Any]:
    """The state that the operator keeps, {} before the first rotation."""
    try:
        body = json.loads((folder / "apps.web-rotators").read_text())
    except FileNotFoundError:
        return {}
    found: dict[str, Any] = json.loads(_states_text(body))[_PATH]["state"]
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Forks a process for each line of the input, a task and after how many seconds to kill it or null, and writes its
    exit code. It has no threads, and everything imported, so that a process takes milliseconds."""
    for module in ("pg8000.native", "pymysql.connections", "scramp"):
        importlib.import_module(module)
    for line in sys.stdin:
        *task, seconds = json.loads(line)
        child = os.fork()
        if child == 0:
            rotate(Task(*task))
            os._exit(0)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
