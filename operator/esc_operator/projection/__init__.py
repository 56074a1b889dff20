"""Turns a value into variables and files, their formats, and a Secret's data.

Pure. Owns what an environment exports and in which formats. Everything here reveals secrets on purpose: the texts it
returns were requested. Diagnostics name variables and places, never values.
"""
