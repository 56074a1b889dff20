"""The deepest object is read, copied and compared; in a process of its own, because a limit holds for a process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import copy, json
from esc_operator.handlers.recursion_limit import raise_recursion_limit
raise_recursion_limit()
text = '{"a":' * 9_990 + "1" + "}" * 9_990
read = json.loads(text)
assert copy.deepcopy(read) == read
assert json.dumps(read, separators=(",", ":")) == text
print("room")
"""


def test_there_is_room_for_the_deepest_object_of_an_api_server() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "room\n"), done.stderr[-500:]
