"""Opens an environment of the cluster as its own ServiceAccount: what it imports, what its namespace allows, and the
states of its rotators. The result is an `outcome` of `sync`; it writes only those states.
"""
