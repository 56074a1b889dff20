"""Secrets at rest: definitions come in plain and are read back sealed, as Pulumi Cloud does it.

The cipher has one key for the life of the process.
"""

from cryptography.fernet import Fernet, InvalidToken

from esc_operator.editing import find_ciphertexts, find_plaintexts, seal, unseal
from esc_operator.lang.envelope import open_envelope, seal_envelope
from local_pulumi.refusals import bad_request

_CIPHER = Fernet(Fernet.generate_key())


def in_both_forms(name: str, text: str) -> tuple[str, str]:
    """A definition sealed and in plain, whichever of its secrets came sealed. Raises RefusedError."""
    ciphertexts, _ = find_ciphertexts(name, text)
    plain = unseal(text, ciphertexts, [_decrypt(one.data) for one in ciphertexts]) if ciphertexts else text
    plaintexts, _ = find_plaintexts(name, plain)
    if not plaintexts:
        return plain, plain
    if ciphertexts and len(ciphertexts) == len(plaintexts):
        return text, plain
    return seal(plain, plaintexts, [_CIPHER.encrypt(one.text.encode()) for one in plaintexts]), plain


def encrypt(plaintext: str) -> str:
    return seal_envelope(_CIPHER.encrypt(plaintext.encode("utf-8", "surrogatepass")))


def decrypt(ciphertext: str) -> str:
    """Raises RefusedError."""
    data, problem = open_envelope(ciphertext)
    if data is None:
        raise bad_request(f"invalid ciphertext: {problem}")
    return _decrypt(data)


def _decrypt(data: bytes) -> str:
    try:
        return _CIPHER.decrypt(data).decode("utf-8", "surrogatepass")
    except InvalidToken as error:
        raise bad_request("invalid ciphertext: it was not sealed here") from error
