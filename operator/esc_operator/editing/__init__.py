"""Definitions as texts that somebody edits: sealing and unsealing their secrets, and putting a value into one.

Pure. Invariant: everything else stays byte for byte, comments included. The operator edits nothing: this is for callers
that store definitions as texts, and have to write back what `api.rotate` made.
"""

from esc_operator.editing.at_rest import Ciphertext, Plaintext, find_ciphertexts, find_plaintexts, seal, unseal
from esc_operator.editing.definition import definition_of
from esc_operator.editing.patching import patch_text

__all__ = [
    "Ciphertext",
    "Plaintext",
    "definition_of",
    "find_ciphertexts",
    "find_plaintexts",
    "patch_text",
    "seal",
    "unseal",
]
