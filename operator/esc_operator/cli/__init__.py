"""`esc` and `kubectl esc`: the same environments for a person at a terminal.

Owns the commands, one module each, and what they need of the machine: the chosen backend, identities, processes and
temporary files. It evaluates nothing itself. Invariant: a command's own messages hold no secret; only the output that
the user asked for (`open`, `run -i`) does.

Modules are imported when they are needed: `esc run` of a static environment takes a few times as long as starting a
bare interpreter, and importing asyncio, boto3 or the Kubernetes client alone takes longer.
"""


def main() -> int:
    """The console script."""
    import gc

    # A command makes little garbage and ends soon, and a collection while modules are loaded slows down every start.
    gc.disable()

    from esc_operator.cli.entry import run
    from esc_operator.cli.output import make_output_patient

    make_output_patient()
    return run()
