"""Text formats that several layers read and write: times, durations, the paths of values. Pure.

A format belongs here if more than one layer uses it; it knows nothing of its uses.
"""
