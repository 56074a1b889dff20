"""The stores of environments: a folder, a cluster.

Owns references, the port that every store implements, and the stores. A store finds and reads a definition; it neither
parses nor evaluates it. Invariant: a store never returns another environment than the one that a name means.
"""
