"""Opens an environment of the cluster as its own ServiceAccount: what it imports, what its namespace allows, and the
states of its rotators. What came of it is an `outcome` of `sync`; it writes nothing but those states.
"""
