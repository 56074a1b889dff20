"""Which key is worked on next, and when again: what waits, whose turn it is, and what makes somebody wait longer.

Nothing here knows what is done about a key, or why. Pure but for the waiting itself; the time is an argument.
"""
