"""A market maker with the interface of Jupiter's `GET /swap/v2/order`, at the prices of the simulated market.

Its quotes are firm: the amounts are in the transaction, which lands while its blockhash is valid, whatever
the price is by then. The answer promises 30 s (`expireAt`, unix seconds).

The parameters are Jupiter's: inputMint, outputMint, amount, taker, slippageBps, dexes, excludeDexes,
priorityFeeLamports, swapMode. `memo` is added: it becomes the transaction's memo, and Jupiter ignores it. Two
orders without a memo, at the same price in the same slot, are the same transaction, which lands once.

Wrong parameters are answered with HTTP 400 and `{requestId, error}`, and so is an amount that no pool can
fill (`Failed to get quotes`). If no transaction can be built, it is `""`, and `errorCode` is 1: the taker
holds too little of the input token, or too few lamports; `errorMessage` says which.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from time import perf_counter
from typing import Any
from uuid import uuid4

from chalicelib.domain.errors import InsufficientLiquidity
from chalicelib.domain.routing import BPS, Quote, best
from chalicelib.domain.tokens import TOKENS, Token
from chalicelib.simulation.market import Market
from chalicelib.simulation.meteora import Meteora
from chalicelib.simulation.orca import Orca
from chalicelib.simulation.raydium import Raydium
from chalicelib.simulation.venue import Dex
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from .errors import NoAnswer, ServerFault
from .faults import Faults, Kind
from .fees import SIGNATURE_FEE
from .ledger import BLOCKHASH_SLOTS, Ledger
from .meta import lamports
from .swap import PRIORITY_FEE, Terms, build
from .tokens import TOKEN_ACCOUNT_RENT, ata, read_token

FIRM_S = 30
SLIPPAGE_BPS = 50  # of an order without slippageBps
SIGNATURES_FEE = 2 * SIGNATURE_FEE
MOST_PRIORITY = 10**9
MOST_UNITS = 2**64 - 1
MOST_MEMO = 256  # bytes; they fit into the transaction
NO_QUOTES = "Failed to get quotes"
INSUFFICIENT = 1

_TOKENS = {token.mint: token for token in TOKENS}

Json = dict[str, Any]


class Refused(Exception):
    """An order that is answered with HTTP 400; the message is its `error`."""


class Maker:
    """Quotes at the market of `seed`, and signs swaps of the accounts on `ledger` with `key`."""

    def __init__(self, ledger: Ledger, faults: Faults, key: Keypair, seed: str) -> None:
        self._ledger = ledger
        self._faults = faults
        self._key = key
        market = Market(seed)
        self._dexes: dict[str, Dex] = {
            "Raydium": Raydium(market),
            "Meteora DLMM": Meteora(market),
            "Whirlpool": Orca(market),
        }
        self._labels = {dex.name: label for label, dex in self._dexes.items()}

    def order(self, given: Mapping[str, str]) -> Json:
        """The answer to an order. Raises Refused."""
        began = perf_counter()
        token_in, token_out = _token(given, "inputMint"), _token(given, "outputMint")
        if token_in == token_out:
            raise Refused("inputMint and outputMint are the same")
        if given.get("swapMode", "ExactIn") != "ExactIn":
            raise Refused("swapMode must be ExactIn")
        amount = _whole(given, "amount", 1, MOST_UNITS)
        slippage_bps = _whole(given, "slippageBps", 0, BPS, SLIPPAGE_BPS)
        priority_fee = _whole(given, "priorityFeeLamports", 0, MOST_PRIORITY, PRIORITY_FEE)
        taker, memo = _taker(given), _memo(given)
        mints, swap = (token_in.mint, token_out.mint), f"{given.get('dexes')} {token_in} {token_out} {amount}"
        if taker is None:
            self._quote_or_fail(mints, swap)
        elif self._faults.strike(Kind.QUOTE_WITHDRAWN, mints, memo or swap):
            raise Refused(NO_QUOTES)
        quote = self._quote(token_in, token_out, amount, self._chosen(given))
        minimum = quote.amount_out * (BPS - slippage_bps) // BPS
        if taker and self._faults.strike(Kind.SLIPPAGE, mints, memo or swap):
            minimum = MOST_UNITS  # more than the taker's account ever holds
        terms = Terms(token_in, token_out, amount, quote.amount_out, minimum, memo, priority_fee)
        answer = self._quoted(quote, terms, slippage_bps) | self._transaction(terms, taker)
        return answer | {"totalTime": round((perf_counter() - began) * 1000)}

    def _quote_or_fail(self, mints: Collection[str], swap: str) -> None:
        if self._faults.strike(Kind.QUOTE_TIMEOUT, mints, swap):
            raise NoAnswer
        if self._faults.strike(Kind.QUOTE_ERROR, mints, swap):
            raise ServerFault

    def _chosen(self, given: Mapping[str, str]) -> list[str]:
        only, without = (_labels(given.get(name, "")) for name in ("dexes", "excludeDexes"))
        for label in (*only, *without):
            if label not in self._dexes:
                raise Refused(f"{label} is no dex here: {', '.join(self._dexes)}")
        return [label for label in only or self._dexes if label not in without]

    def _quote(self, token_in: Token, token_out: Token, amount: int, labels: list[str]) -> Quote:
        quotes = []
        for label in labels:
            try:
                dex = self._dexes[label]
                quotes.append(dex.quote_at(token_in, token_out, amount, self._ledger.now_ms))
            except InsufficientLiquidity:
                continue
        if not quotes:
            raise Refused(NO_QUOTES)
        return best(quotes)

    def _quoted(self, quote: Quote, terms: Terms, slippage_bps: int) -> Json:
        mints = {"inputMint": quote.token_in.mint, "outputMint": quote.token_out.mint}
        amounts = {"inAmount": str(quote.amount_in), "outAmount": str(quote.amount_out)}
        swap = {"ammKey": quote.pool, "label": self._labels[quote.venue], **mints, **amounts}
        fee = {"feeAmount": str(quote.fee), "feeMint": quote.token_in.mint}
        return {
            **mints,
            **amounts,
            "otherAmountThreshold": str(terms.minimum_out),
            "swapMode": "ExactIn",
            "slippageBps": slippage_bps,
            "priceImpact": -quote.price_impact_bps / 100,
            "priceImpactPct": f"{-quote.price_impact_bps / BPS:.4f}",
            "routePlan": [{"swapInfo": swap | fee, "percent": 100, "bps": BPS}],
            "feeMint": quote.token_in.mint,
            "feeBps": 0,
            "swapType": "rfq",
            "router": "jupiterz",
            "mode": "manual",
            "gasless": False,
            "requestId": str(uuid4()),
            "quoteId": str(uuid4()),
            "maker": str(self._key.pubkey()),
            "expireAt": str(self._ledger.now_ms // 1000 + FIRM_S),
            "signatureFeeLamports": SIGNATURES_FEE,
            "prioritizationFeeLamports": terms.priority_fee,
            "rentFeeLamports": 0,
        }

    def _transaction(self, terms: Terms, taker: Pubkey | None) -> Json:
        slot = self._ledger.slot - 1  # confirmed, so that a preflight at that commitment knows the blockhash
        mints = (terms.token_in.mint, terms.token_out.mint)
        if self._faults.strike(Kind.BLOCKHASH_EXPIRED, mints, terms.memo or ""):
            slot -= BLOCKHASH_SLOTS + 1
        blockhash, last = self._ledger.latest_blockhash(slot)
        answer: Json = {"taker": taker and str(taker), "lastValidBlockHeight": str(last)}
        if taker is None:
            return answer | {"transaction": None}
        rent = self._rent(terms, taker)
        payer = {name: str(taker) for name in ("signatureFeePayer", "prioritizationFeePayer", "rentFeePayer")}
        answer |= payer | {"rentFeeLamports": rent}
        if lack := self._lack(terms, taker, SIGNATURES_FEE + terms.priority_fee + rent):
            return answer | {
                "transaction": "",
                "errorCode": INSUFFICIENT,
                "errorMessage": lack,
                "error": lack,
            }
        return answer | {"transaction": base64.b64encode(build(terms, taker, self._key, blockhash)).decode()}

    def _rent(self, terms: Terms, taker: Pubkey) -> int:
        receiving = ata(taker, Pubkey.from_string(terms.token_out.mint))
        return TOKEN_ACCOUNT_RENT if self._ledger.accounts.get(receiving) is None else 0

    def _lack(self, terms: Terms, taker: Pubkey, cost: int) -> str | None:
        """The message of what the taker holds too little of; None if it holds enough."""
        selling = self._ledger.accounts.get(ata(taker, Pubkey.from_string(terms.token_in.mint)))
        token = read_token(selling)
        if token is None or token.amount < terms.amount_in:
            return "Insufficient funds"
        if lamports(self._ledger.accounts.get(taker)) < cost:
            return "Insufficient SOL for fees and rent"
        return None


def _token(given: Mapping[str, str], name: str) -> Token:
    token = _TOKENS.get(given.get(name, ""))
    if token is None:
        raise Refused(f"{name} must be the mint of a token that is traded")
    return token


def _whole(given: Mapping[str, str], name: str, least: int, most: int, otherwise: int | None = None) -> int:
    text = given.get(name)
    if text is None and otherwise is not None:
        return otherwise
    if (
        text is None
        or not text.isascii()
        or not text.isdigit()
        or len(text) > 20
        or not least <= int(text) <= most
    ):
        raise Refused(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _taker(given: Mapping[str, str]) -> Pubkey | None:
    text = given.get("taker")
    if not text:
        return None
    try:
        return Pubkey.from_string(text)
    except ValueError:
        raise Refused("taker must be an address") from None


def _memo(given: Mapping[str, str]) -> str | None:
    memo = given.get("memo")
    if memo is not None and not 0 < len(memo.encode()) <= MOST_MEMO:
        raise Refused(f"memo must have 1 to {MOST_MEMO} bytes")
    return memo


def _labels(text: str) -> list[str]:
    return [label.strip() for label in text.split(",") if label.strip()]
