"""The one error that a person who asked for a cluster can meet; its text says what to do."""


class ClusterError(Exception):
    """The local cluster cannot do what was asked."""
