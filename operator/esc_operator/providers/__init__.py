"""Providers: a folder a vendor, registered by the entry point group `esc_operator.providers`, loaded on first use.

Owns the port that providers implement and what they are given. A provider never reads the process's environment, the
clock or the cluster: all of it comes through its context, so that a test hands in its own. A vendor has
its login, its rotators and one error translator, and knows no other vendor.
"""
