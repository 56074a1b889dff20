"""Infisical: a login with a machine identity, and secrets of any project."""
