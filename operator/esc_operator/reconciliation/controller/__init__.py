"""The level-triggered `reconcile(key)`, and what triggers it: events, expiries, recoveries, notes of former leaders.

It decides which room works on an environment; that room decides how.
"""
