"""Where environments come from: a folder, a cluster.

Owns references, the port that every store implements, and the stores. A store finds and reads a definition; it neither
parses nor evaluates it. Invariant: a store never answers with an environment that its name does not mean.
"""
