"""Brings the observed state to the desired one, in seven rooms: each has its own reads, decisions (pure) and writes.

It knows neither kopf nor how values are evaluated. An import points from a room to one below it, and import-linter
proves it; every event, timer and retry ends in `controller`, or for an EscRotation in `rotations`.
"""
