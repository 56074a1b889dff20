"""Providers: a folder a vendor, registered by the entry point group `esc_operator.providers`, loaded on first use.

Owns the port that providers implement, and their context. A provider never reads the process's environment, the clock
or the cluster directly: everything comes through its context, and a test passes its own. A vendor has its login, its
rotators and one error translator, and imports no other vendor.
"""
