"""The driver: the only place where the evaluator meets stores and providers.

The evaluator says what it needs (effects) and the driver gets it. Owns how effects are carried out: at once where that
needs no waiting, else all effects of a batch concurrently; which logins are shared; and the bounds of blocking calls.
It decides nothing about values. Invariant: whatever a store or a provider does, the evaluator gets an answer.

Importing this package imports no asyncio: a command that opens a static environment from a folder never needs it.
"""
