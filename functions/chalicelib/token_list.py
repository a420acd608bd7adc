"""The setting TOKEN_LIST: further tokens, as a token list of the form that wallets and exchanges publish.

    {"tokens": [{"address": "…", "symbol": "WIF", "name": "dogwifhat", "decimals": 6, "chainId": 101}, …]}

Tokens of other chains than Solana are left out, and fields that the engine does not need are not read. A list
that could make an order name another token than its client means, or count it in wrong units, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from .config import ConfigError
from .domain.tokens import TOKENS, Token, is_mint

SOLANA = 101
MAX_DECIMALS = 18
MAX_SYMBOL_LENGTH = 32
FUNCTIONS = Path(__file__).parents[1]

_SYMBOL = re.compile(rf"[!#-&(-+.0-~-]{{1,{MAX_SYMBOL_LENGTH}}}")  # ASCII without blanks and " ' , /


def load_token_list(setting: str) -> list[Token]:
    """The tokens of a list, given as JSON or by its path, without those known anyway. Raises ConfigError."""
    known = {name: token for token in TOKENS for name in (token.symbol, token.mint)}
    added: list[Token] = []
    for token in _tokens(_read(setting)):
        if token in (known.get(token.mint), known.get(token.symbol)):
            continue
        for name in (token.mint, token.symbol):
            if name in known:
                raise _wrong(f"{token} is not {known[name]}, and both are called {name}")
            known[name] = token
        added.append(token)
    return added


def _read(setting: str) -> object:
    """The list as JSON; a relative path is one from the working directory, or from the functions' folder."""
    text = setting
    if not setting.lstrip().startswith(("{", "[")):
        found = next((path for path in (Path(setting), FUNCTIONS / setting) if path.is_file()), None)
        if found is None:
            raise _wrong(f"there is no file {setting}")
        try:
            text = found.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise _wrong(f"{found} can't be read: {error}") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"it is not valid JSON: {error}") from None


def _tokens(content: object) -> Iterator[Token]:
    listed = content.get("tokens") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise _wrong('it is not like {"tokens": [{"address", "symbol", "decimals"}, …]}')
    for place, entry in enumerate(listed):
        if not isinstance(entry, dict):
            raise _wrong(f"tokens[{place}] is not an object")
        if entry.get("chainId", SOLANA) == SOLANA:
            yield Token(_symbol(entry, place), _mint(entry, place), _decimals(entry, place))


def _symbol(entry: dict[str, object], place: int) -> str:
    """A name that fits in an order, a list of names and a command line."""
    found = entry.get("symbol")
    if isinstance(found, str) and _SYMBOL.fullmatch(found):
        return found
    most = f"1 to {MAX_SYMBOL_LENGTH} printable ASCII characters without blanks, commas, slashes and quotes"
    raise _wrong(f"tokens[{place}] has the symbol {found!r}; one has {most}")


def _mint(entry: dict[str, object], place: int) -> str:
    found = entry.get("address")
    if isinstance(found, str) and is_mint(found):
        return found
    raise _wrong(f"tokens[{place}] has the address {found!r}, which is no mint: 32 bytes in base 58")


def _decimals(entry: dict[str, object], place: int) -> int:
    found = entry.get("decimals")
    if type(found) is int and 0 <= found <= MAX_DECIMALS:
        return found
    raise _wrong(f"tokens[{place}] has the decimals {found!r}; they are 0 to {MAX_DECIMALS}")


def _wrong(reason: str) -> ConfigError:
    return ConfigError(f"TOKEN_LIST: {reason}")
