"""`esc env`: commands on environments; `open` and `run` are here too, as upstream."""

from esc_operator.cli.group import LazyGroup

command = LazyGroup(
    "env",
    modules={"ls": "env_ls", "open": "open", "rotate": "rotate", "run": "run"},
    help="List, open, run and rotate environments.",
)
