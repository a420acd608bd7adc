"""Where the wallet's key comes from, and that nothing shows it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import base58
import pytest
from chalicelib.adapters.solana.keys import KeyUnusable, WalletKey, load_key
from solders.keypair import Keypair

KEYPAIR = Keypair.from_seed(bytes(range(32)))
ADDRESS = str(KEYPAIR.pubkey())
AS_ARRAY = json.dumps([*bytes(KEYPAIR)])
AS_BASE58 = base58.b58encode(bytes(KEYPAIR)).decode()


def test_a_key_is_read_from_a_file_the_environment_or_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "wallet.json"
    file.write_text(AS_ARRAY)
    file.chmod(0o600)
    assert load_key(str(file), "", None).address == ADDRESS
    assert load_key("", AS_BASE58, None).address == ADDRESS
    assert load_key("", "", lambda: AS_ARRAY).address == ADDRESS


@pytest.mark.parametrize(("text", "secret"), [("", None), (AS_BASE58, lambda: AS_ARRAY)])
def test_there_must_be_one_key(text: str, secret: object) -> None:
    with pytest.raises(KeyUnusable, match="Set one of SOLANA_KEY_FILE, SOLANA_KEY and SOLANA_KEY_SECRET"):
        load_key("", text, secret)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o700])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "wallet.json"
    file.write_text(AS_ARRAY)
    file.chmod(mode)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        load_key(str(file), "", None)


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2, 3]",
        "[]",
        "{}",
        "[300" + ", 1" * 63 + "]",
        json.dumps([*bytes(KEYPAIR)[:32], *bytes(32)]),  # halves that do not belong together
        AS_BASE58[:-3],
        "0OIl",
        "words of a seed phrase",
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(KeyUnusable) as refused:
        load_key("", text, None)
    assert text not in f"{refused.value!r} {refused.value.__context__!r} {refused.value.__cause__!r}"
    assert text not in caplog.text


@pytest.mark.parametrize("text", [AS_ARRAY, AS_BASE58])
def test_a_key_in_the_place_of_its_files_name_is_not_shown(text: str) -> None:
    with pytest.raises(KeyUnusable, match="SOLANA_KEY_FILE") as refused:
        load_key(text, "", None)
    assert text not in f"{refused.value!r} {refused.value.__cause__!r}"


def test_a_key_shows_only_its_address() -> None:
    key = WalletKey(KEYPAIR)
    shown = f"{key!r} {key} {vars(key)!r}"
    assert ADDRESS in shown
    assert AS_BASE58 not in shown
    assert str([*bytes(KEYPAIR)][:8])[1:-1] not in shown
