"""From a value to what others can use: variables and files, their formats, and a Secret's data.

Pure. Owns what an environment exports and how it is written down. Everything here reveals on purpose: the texts it
returns are what was asked for. Diagnostics name variables and places, never values.
"""
