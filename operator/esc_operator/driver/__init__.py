"""The driver: the only place where the evaluator meets stores and providers.

The evaluator requests effects and the driver performs them. Owns how effects are performed: at once if they need no
waiting, else all effects of a batch concurrently; which logins are shared; and the limits of blocking calls. It decides
nothing about values. Invariant: whatever a store or a provider does, the evaluator gets an answer.

Importing this package does not import asyncio: a command that opens a static environment from a folder does not need
it.
"""
