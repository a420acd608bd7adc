"""The tokens the engine trades: symbol, mint and decimals, found by either name. A setting may add others.

Mints are those of Solana's mainnet, so that a real venue can take a simulated one's place. A token that was
launched since has its mint for a symbol as well: anyone may launch a second USDC, and a mint there is once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from functools import lru_cache

# Wide enough for every product and quotient of two u64 amounts.
EXACT = Context(prec=60, rounding=ROUND_DOWN)
UNKNOWN_DECIMALS = -1
"""Of a token that is not launched yet."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MINT = re.compile(f"[{_BASE58}]{{32,44}}")


@dataclass(frozen=True, slots=True)
class Token:
    """One SPL token; amounts are whole numbers of base units, 10^decimals of them to a token."""

    symbol: str
    mint: str
    decimals: int

    @property
    def is_launched(self) -> bool:
        """Whether it is none of those listed or added: it was launched since, or is to be."""
        return self.symbol == self.mint

    def amount(self, base_units: int) -> Decimal:
        """`base_units` as an exact number of tokens."""
        return _amount(base_units, self.decimals)

    def text(self, base_units: int) -> str:
        """`base_units` as a plain decimal string without trailing zeros, as money travels on the wire."""
        return _text(base_units, self.decimals)


@lru_cache(maxsize=1024)  # an order's amounts are in several fields of several events
def _text(base_units: int, decimals: int) -> str:
    return plain(_amount(base_units, decimals))


def _amount(base_units: int, decimals: int) -> Decimal:
    return Decimal(base_units).scaleb(-decimals, EXACT)


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros: `1500`, `0.00001`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(token_out: Token, amount_out: int, token_in: Token, amount_in: int) -> Decimal:
    """Tokens out per token in, cut (never rounded up) to 12 significant digits."""
    ratio = EXACT.divide(token_out.amount(amount_out), token_in.amount(amount_in))
    return Context(prec=12, rounding=ROUND_DOWN).plus(ratio)


TOKENS: tuple[Token, ...] = (
    Token("SOL", "So11111111111111111111111111111111111111112", 9),
    Token("USDC", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v", 6),
    Token("USDT", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", 6),
    Token("RAY", "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R", 6),
    Token("COPE", "8HGyAAB1yoM1ttS7pXjHMa3dukTFGQggnFFH3hJZgzQh", 6),
    Token("FIDA", "EchesyfXePKdLtoiZSL8pBe8Myagyy8ZRqsACNCFGnvp", 6),
    Token("JUP", "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN", 6),
    Token("BONK", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", 5),
    Token("JTO", "jtojtomepa8beP8AuQc6eXt5FriJwfFMwQx2v2f9mCL", 9),
)

HUBS = TOKENS[:2]
"""SOL and USDC: most pools trade one of them, so what has no good pool of its own is traded through them."""

_BY_NAME = {name: token for token in TOKENS for name in (token.symbol, token.mint)}
_added: list[Token] = []


def add_tokens(tokens: Iterable[Token]) -> None:
    """Trade these as well, in place of those that were added before. Only while an engine starts."""
    for token in _added:
        del _BY_NAME[token.symbol], _BY_NAME[token.mint]
    _added[:] = tokens
    _BY_NAME.update((name, token) for token in _added for name in (token.symbol, token.mint))


def all_tokens() -> tuple[Token, ...]:
    """Every token that the engine trades."""
    return (*TOKENS, *_added)


def stored_name(token: Token) -> str:
    """What an order is stored with for this token.

    The symbol, or the mint of one that is not listed. Of one that a token list added, all that is known of
    it: so its orders can be read after the list has changed.
    """
    if token.is_launched or token in TOKENS:
        return token.symbol
    return f"{token.symbol}/{token.mint}/{token.decimals}"


def stored_token(name: str) -> Token:
    """The token of which this is the `stored_name`. Raises LookupError if there is none."""
    if (found := _BY_NAME.get(name)) is not None:
        return found
    match name.split("/"):
        case [symbol, mint, decimals]:
            return Token(symbol, mint, int(decimals))
        case _ if is_mint(name):
            return new_token(name)
    raise LookupError(f"{name} is no token")


def find_token(name: str) -> Token | None:
    """The token with this symbol or this mint (both exactly as listed), or None.

    One that was launched since is found by its mint once this process has learned of it.
    """
    return _BY_NAME.get(name)


def listed_token(name: str) -> Token | None:
    """The same, but for tokens that were launched since."""
    found = find_token(name)
    return None if found is None or found.is_launched else found


def learn(token: Token) -> None:
    """Have `find_token` find a launched token whose pool is open. That stays so, as do its decimals."""
    _BY_NAME.setdefault(token.mint, token)


def new_token(mint: str, decimals: int = UNKNOWN_DECIMALS) -> Token:
    """A token that is none of those listed or added."""
    return Token(mint, mint, decimals)


def is_mint(text: str) -> bool:
    """Whether this is an address on Solana: 32 bytes in base58."""
    if not _MINT.fullmatch(text):
        return False
    number = 0
    for digit in text:
        number = number * 58 + _BASE58.index(digit)
    zeros = len(text) - len(text.lstrip("1"))  # each a byte, as leading zeros are
    return zeros + (number.bit_length() + 7) // 8 == 32
