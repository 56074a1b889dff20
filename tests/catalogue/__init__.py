"""Tries every provider and rotator of the catalogue with the public suite, and prints what was seen.

The catalogue is that of Pulumi ESC and what is ours. Everything that is printed was seen in this run, except for the
reasons why something cannot be expressed with a cluster's identity.
"""
