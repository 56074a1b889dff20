"""Databases with users of their own: the rotators of their passwords, one engine a protocol, their inputs and reasons.

A database is no vendor: whoever runs it, it is reached by its protocol, over a connection that the driver opened
(`OpenContext.run_stream`).
"""
