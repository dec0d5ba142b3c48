"""Keys: one master key for the installation, others derived from it, and encryption of stored tokens."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE = "secret.key"

#: Characters; what `openssl rand -hex 32` and the key we make ourselves exceed.
SHORTEST = 32


class SecretsError(Exception):
    """The master key cannot be used; `str()` is a sentence with the way out."""


class Secrets:
    """Keys derived from the master keys; the newest signs and encrypts, all decrypt.

    A new key in front of the old ones rotates: stored tokens stay readable, and links and visitor tokens that were
    signed with the old key end.
    """

    def __init__(self, data_dir: Path, key: str | None = None) -> None:
        """Takes the master keys from `key`, separated by white space or commas, else from the data directory."""
        if key is None:
            source, text = str(data_dir / FILE), _read_or_create(data_dir / FILE)
        else:
            source, text = "secret_key", key
        self._masters = [part.encode() for part in text.replace(",", " ").split()]
        if not self._masters:
            raise SecretsError(f"{source} holds no key; write one in, for example from: openssl rand -hex 32")
        for number, master in enumerate(self._masters, start=1):
            if len(master) < SHORTEST:
                raise SecretsError(
                    f"{source}: key {number} is shorter than {SHORTEST} characters; make one with: openssl rand -hex 32"
                )
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(m, "tokens"))) for m in self._masters])

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, stable across restarts."""
        return _derive(self._masters[0], f"purpose:{purpose}")

    def encrypt(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Raises SecretsError when none of the keys fits."""
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise SecretsError(
                "a stored token cannot be decrypted: the master key was changed; add the old key after the new one"
            ) from None

    def rotate(self, stored: str) -> str:
        """The same token under the newest key."""
        try:
            return self._fernet.rotate(stored.encode()).decode()
        except InvalidToken:
            raise SecretsError(
                "a stored token cannot be decrypted: the master key was changed; add the old key after the new one"
            ) from None


def _derive(master: bytes, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"threadbridge:{info}".encode()).derive(master)


def _read_or_create(path: Path) -> str:
    try:
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="ascii")
        _create(path)
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise SecretsError(f"{path} is not a key file; restore it from a backup, or set secret_key") from None
    except OSError as error:
        raise SecretsError(f"{path} cannot be used ({error.strerror}); correct its owner or mode") from None


def _create(path: Path) -> None:
    """Writes a whole new key, readable by its owner only; when two processes start at once, one key wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces a key that is there already.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
