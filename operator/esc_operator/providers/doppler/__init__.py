"""Doppler: a login with an identity of a service account, and secrets of a config."""
