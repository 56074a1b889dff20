"""Texts of the outside world that several layers read and write: times, durations, the paths of values. Pure.

What goes in is a format that more than one layer uses, with nothing of what it is used for.
"""
