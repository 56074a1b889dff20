"""Definitions of a few lines that ask for minutes and gigabytes: each is refused in words that say where, by how much
and what to do, and the neighbour is served meanwhile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from benchmarks.worst import BOMBS
from tenants.attempt import NOBODY, Verdict, attempt
from tenants.judging import settled

if TYPE_CHECKING:
    from tenants.stage import Stage

TRIED: Final = ("join",)

_WORK: Final = re.compile(
    r".+ takes \d+ units of work, and of the 1000000 for an environment with all that it imports \d+ are left "
    r"\(\d+ too many\): build less here, or split the environment"
)
_SIZE: Final = re.compile(r".+ (is|are) (larger|longer) than \d+ (bytes|characters).*: .+")


def _bomb(name: str) -> None:
    @attempt(f"stop the operator by a definition: {name}")
    def bomb(stage: Stage) -> Verdict:
        made = BOMBS[name]()
        own = stage.fresh()
        stage.attacker.apply(own, made.definition)
        stage.serve_the_neighbour()
        ready = settled(stage.attacker, own)
        stage.attacker.delete(own)
        if ready["status"] == "True":
            return Verdict(NOBODY, "Ready", good=False)
        message = str(ready["message"])
        says = _WORK.search(message) or _SIZE.search(message)
        good = ready["reason"] == "LimitExceeded" and says is not None and len(message) < 2_000
        return Verdict("operator", f"{ready['reason']}: {message}", good=good)


for _name in TRIED:
    _bomb(_name)
