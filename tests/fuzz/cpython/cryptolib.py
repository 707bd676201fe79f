"""MicroPython's `cryptolib` on CPython, as far as the firmware uses it: AES in CBC mode."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC


class aes:  # as MicroPython spells it
    def __init__(self, key: bytes, mode: int, iv: bytes) -> None:
        if mode != 2:
            raise ValueError("mode")
        self._cipher = Cipher(AES(key), CBC(iv))

    def encrypt(self, data: bytes) -> bytes:
        return self._cipher.encryptor().update(data)

    def decrypt(self, data: bytes) -> bytes:
        return self._cipher.decryptor().update(data)
