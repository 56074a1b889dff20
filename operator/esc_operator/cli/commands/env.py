"""`esc env`: what works on environments as such; `open` and `run` are there too, as upstream has them."""

from esc_operator.cli.group import LazyGroup

command = LazyGroup(
    "env",
    modules={"ls": "env_ls", "open": "open", "rotate": "rotate", "run": "run"},
    help="List, open, run and rotate environments.",
)
