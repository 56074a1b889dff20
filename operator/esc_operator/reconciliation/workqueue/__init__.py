"""Which key is worked on next, and when again: what waits, whose turn it is, and what makes a key wait longer.

Nothing here knows what the work on a key is, or its reason. Pure except for the waiting; the time is an argument.
"""
