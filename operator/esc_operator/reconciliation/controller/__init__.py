"""The one level-triggered `reconcile(key)`, and what wakes it: events, expiries, recoveries, a former operator's end.

It decides which room has to work on an environment; how, is that room's.
"""
