"""Secrets that are generated here: the rotators of passwords and of passphrases."""
