"""The trading wallet's key: from a file, the environment, or Secrets Manager.

No message, log line or `repr` holds it, nor any part of it: what is wrong with a key is said without it.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import base58
from solders.keypair import Keypair

KEY_BYTES = 64
MODE = 0o600


class KeyUnusable(Exception):
    """There is no key there, or none that may be used; the message says why, without it."""


class WalletKey:
    """The key, which only signs."""

    def __init__(self, keypair: Keypair) -> None:
        self._keypair = keypair
        self.address = str(keypair.pubkey())

    def __repr__(self) -> str:
        return f"WalletKey({self.address})"

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of a message's signature."""
        return bytes(self._keypair.sign_message(message))


def load_key(file: str, text: str, secret: Callable[[], str] | None) -> WalletKey:
    """The key that one of the three settings names. Raises KeyUnusable."""
    given = [
        name
        for name, value in (("SOLANA_KEY_FILE", file), ("SOLANA_KEY", text), ("SOLANA_KEY_SECRET", secret))
        if value
    ]
    if len(given) != 1:
        found = " and ".join(given) or "none is"
        raise KeyUnusable(f"Set one of SOLANA_KEY_FILE, SOLANA_KEY and SOLANA_KEY_SECRET: {found} set.")
    if file:
        return key_of(_read(Path(file)), f"The key file {file}")
    if secret:
        return key_of(secret(), "The secret SOLANA_KEY_SECRET")
    return key_of(text, "SOLANA_KEY")


def key_of(text: str, where: str) -> WalletKey:
    """The key in `text`: the Solana CLI's JSON array of 64 numbers, or base58 of as many bytes."""
    text = text.strip()
    try:
        raw = bytes(json.loads(text)) if text.startswith("[") else base58.b58decode(text)
        if len(raw) == KEY_BYTES:
            return WalletKey(Keypair.from_bytes(raw))  # which compares its halves
    except (ValueError, TypeError, OverflowError):
        pass
    raise KeyUnusable(
        f"{where} holds no key of Solana's: an array of {KEY_BYTES} numbers, or base58 of as many bytes."
    ) from None


def _read(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~MODE:
            raise KeyUnusable(f"The key file {path} may be read by others (mode {mode:o}): chmod 600 {path}")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        # Without the name of what is not there: it may be the key itself.
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise KeyUnusable(f"The file that SOLANA_KEY_FILE names can't be read: {reason}.") from None
