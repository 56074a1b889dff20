"""`esc` and `kubectl esc`: the same environments for a person at a terminal.

Owns the commands, one module each, and what they need of the machine: the chosen backend, identities, processes and
temporary files. It evaluates nothing itself. Invariant: nothing a command prints on its own account holds a secret;
only what was asked for (`open`) or run (`run -i`) shows one.

Nothing is imported before it is needed: `esc run` of a static environment starts its command in a few bare interpreter
starts, and asyncio, boto3 or the Kubernetes client alone take longer.
"""


def main() -> int:
    """The console script."""
    import gc

    # A command makes little garbage and ends soon; looking for it while modules are loaded is a part of every start.
    gc.disable()

    from esc_operator.cli.entry import run

    return run()
