"""What `esc` does with Pulumi Cloud: its logins, in the files of Pulumi's own commands, references, opening, lists.

Owns those files and the choice of a token; the API is that of `stores.pulumi`. Invariants: a token is stored only where
Pulumi's commands look for it, and only if the user gave it for that; no message and no `repr` holds one; what these
files hold besides is kept. Nothing here is imported for an environment of a folder or a cluster.
"""
