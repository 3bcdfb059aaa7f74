"""The collector's signing key: a PEM file that only its owner can read, outside every store."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.ledger import key_id_of
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE_VARIABLE = "EVIDENCE_SIGNING_KEY_FILE"
_DEFAULT = "~/.config/evidence/signing-key.pem"


class Signer:
    """Signs in the name of one collector (ed25519). Its private key is never shown."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key = base64.b64encode(private_key.public_key().public_bytes_raw()).decode()
        self.key_id = key_id_of(self.public_key)

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    def sign(self, message: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private_key.sign(message)).decode()

    @classmethod
    def generate(cls) -> Signer:
        """A signer with a new key that is nowhere on disk."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path, *, store: Path | None = None) -> Signer:
        """The key in `path`, made there on first use with mode 0600. `store` is a folder it must not lie in."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if store is not None and path.resolve().is_relative_to(store.resolve()):
            raise ConfigurationError(
                f"{KEY_FILE_VARIABLE} points into the evidence store. Whoever copies the store would copy the key that "
                "signs it: keep the key file elsewhere."
            )
        try:
            if not path.exists():
                _make(path)
            if os.name != "nt" and path.stat().st_mode & 0o077:
                raise ConfigurationError(f"The signing key {path} can be read by others. Run: chmod 600 {path}")
            private_key = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise ConfigurationError(
                f"The signing key {path} can't be read or made ({error.strerror}). Set {KEY_FILE_VARIABLE} to a file "
                "that this user owns."
            ) from error
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"The signing key {path} is no unencrypted PEM file. Restore it from a backup; a store knows its "
                "collectors by their keys, so don't replace it by a new one without enrolling that."
            ) from error
        if not isinstance(private_key, Ed25519PrivateKey):
            raise ConfigurationError(f"The signing key {path} is not an ed25519 key, and entries are signed with one.")
        return cls(private_key)


def signing_key_path(environ: Mapping[str, str]) -> Path:
    """Where the key is: `EVIDENCE_SIGNING_KEY_FILE`, or a file in the user's configuration folder."""
    return Path(environ.get(KEY_FILE_VARIABLE) or _DEFAULT).expanduser()


def _make(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.parent / f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}"
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):  # another process made one at the same moment: that one counts
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
