"""Every error code: the HTTP status that it comes with, and when it is given.

400 is for what the OpenAPI document forbids; 404 for an order, a token or a venue that there is not; 409 for
what the document allows and cannot be done all the same: each field is right, and contradicts another, its
token, the prices or the time.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A code of a refusal; `statuses` are those it comes with, the engine's own first."""

    statuses: tuple[int, ...]
    when: str


CODES: dict[str, Code] = {
    "INVALID_HTTP": Code((400,), "not a valid HTTP/1.1 request; no `Host` header, or two"),
    "EMPTY_BODY": Code((400,), "there is no body"),
    "INVALID_JSON": Code((400,), "not JSON, `NaN` or `Infinity`, not UTF-8, nested too deep"),
    "DUPLICATE_KEY": Code((400,), "a field or parameter is there twice"),
    "NOT_AN_OBJECT": Code((400,), "JSON, but not an object"),
    "MISSING_FIELD": Code((400,), "a required field is missing; `field` names it"),
    "UNKNOWN_FIELD": Code(
        (400,), "a field or parameter is not known, or not of such an order; `field` names it"
    ),
    "INVALID_TYPE": Code((400,), "a field of the wrong type, or a list that is too long"),
    "INVALID_AMOUNT": Code((400,), "not a decimal number, zero, negative, not finite"),
    "INVALID_MINT": Code((400,), "a sniper's `tokenOut` that does not look like a mint"),
    "INVALID_SLIPPAGE": Code((400,), "neither a whole number from 1 to 5000 nor `auto`"),
    "INVALID_PRICE_IMPACT": Code((400,), "`maxPriceImpactBps` is not a whole number from 1 to 10000"),
    "INVALID_ORDER_TYPE": Code((400,), "`type` is not one of `market`, `limit`, `stop`, `sniper`"),
    "INVALID_PRICE": Code(
        (400,), "a price that is not above zero or has more than 38 digits, or that the order's type has not"
    ),
    "INVALID_EXPIRY": Code(
        (400,),
        "`expiresAt` is no time of RFC 3339, `expiresInMs` is beyond a year, or both are there",
    ),
    "INVALID_QUOTE_ID": Code(
        (400,), "`quoteId` does not have the form of a quote's id, or the order is no market order"
    ),
    "INVALID_BATCH": Code((400,), "a batch of no order or of more than 100, or with the same key twice"),
    "INVALID_ORDER_ID": Code((400,), "not a UUID"),
    "INVALID_IDEMPOTENCY_KEY": Code((400,), "not 1 to 64 printable ASCII characters, or there twice"),
    "INVALID_PARAMETER": Code(
        (400,),
        "a wrong parameter (`limit`, `cursor`, `status`, `from`, `to`, `after`, …)",
    ),
    "UNKNOWN_ACTION": Code((400,), "on a connection: no such action"),
    "UNAUTHENTICATED": Code((401,), "no valid API key came with the request, to an engine that takes them"),
    "INVALID_TICKET": Code((401,), "a WebSocket's ticket is wrong, was used before, or its time is over"),
    "MISSING_SCOPE": Code((403,), "the API key lacks the scope that this takes; `scope` names it"),
    "ORIGIN_NOT_ALLOWED": Code(
        (403,), "a page of an origin that is not allowed wants to change something, or opens a WebSocket"
    ),
    "ORDER_NOT_FOUND": Code((404,), "no such order; `orderId` repeats it"),
    "UNKNOWN_TOKEN": Code((404,), "no such token; `supported` lists them"),
    "UNKNOWN_DEX": Code((404,), "no such venue, or none is left; `supported` lists them"),
    "NOT_FOUND": Code((404,), "no such path"),
    "METHOD_NOT_ALLOWED": Code((405,), "the path knows other methods; `Allow` lists them"),
    "REQUEST_TIMEOUT": Code((408,), "the head did not arrive within 10 s, or the body within 30 s"),
    "SAME_TOKEN": Code((409,), "sold and bought are the same"),
    "TOKEN_LISTED": Code((409,), "a sniper's `tokenOut` is traded already"),
    "AMOUNT_TOO_PRECISE": Code((409,), "more decimals than the token has"),
    "AMOUNT_TOO_SMALL": Code((409,), "less than one base unit of the token"),
    "AMOUNT_TOO_LARGE": Code((409,), "more of the token than a pool can hold"),
    "EXPIRY_OUT_OF_RANGE": Code((409,), "`expiresAt` is over, or beyond a year"),
    "EMPTY_PERIOD": Code((409,), "`to` is not after `from`"),
    "IDEMPOTENCY_KEYS_DIFFER": Code((409,), "`Idempotency-Key` and `clientOrderId` are two keys"),
    "IDEMPOTENCY_CONFLICT": Code((409,), "the key belongs to an order with other terms; `orderId` names it"),
    "NOT_CANCELLABLE": Code((409,), "a worker has the order, or it has ended; `status` says where it is"),
    "QUOTE_MISMATCH": Code((409,), "`quoteId` is of no quote for these tokens and this amount"),
    "QUOTE_EXPIRED": Code((409,), "the time of the quote that `quoteId` names is over: ask for another one"),
    "BODY_TOO_LARGE": Code((413,), "a body of more than 128 KB"),
    "MESSAGE_TOO_LARGE": Code((413,), "a message of more than 128 KB; the connection is closed"),
    "UNSUPPORTED_MEDIA_TYPE": Code((415,), "a body that is not `application/json`"),
    "HOST_NOT_ALLOWED": Code((421,), "`Host` is none of the names that an engine on one machine goes by"),
    "UPGRADE_REQUIRED": Code((426,), "a GET where only a WebSocket is: it is no WebSocket's handshake"),
    "TOO_MANY_REQUESTS": Code(
        (429,),
        "faster than the gateway lets through, or than an account or an address may; see `Retry-After`, and "
        "on a connection `retryAfter`",
    ),
    "TOO_MANY_ORDERS": Code(
        (429,), "this client has too many orders under way; `limit` says how many it may"
    ),
    "TOO_MANY_CONNECTIONS": Code(
        (429,), "this client has too many connections open; `limit` says how many it may"
    ),
    "TOO_MANY_SUBSCRIPTIONS": Code(
        (429,),
        "this connection has too many subscriptions, or all of its account have; sent on the connection, "
        "with the `limit`",
    ),
    "HEADERS_TOO_LARGE": Code((431,), "more than 16 KB of headers, or more than 100"),
    "INTERNAL_ERROR": Code((500, 504), "a fault of the engine; 504 when a function took too long"),
    "TEMPORARILY_UNAVAILABLE": Code(
        (503,),
        "a server behind the engine is unavailable, or the engine is too busy; nothing is stored, "
        "see `Retry-After`",
    ),
    "OUTCOME_UNKNOWN": Code(
        (503,),
        "the order may have been stored, as the database's reply was lost: ask for `orderId` in some "
        "seconds, or submit again under the same key; without a key, submitting again may trade twice",
    ),
}

FAILURES: dict[str, str] = {
    "QUOTE_TIMEOUT": "no venue gave a quote in time",
    "VENUE_UNAVAILABLE": "no venue gave a quote",
    "CHAIN_UNAVAILABLE": "the chain did not answer before anything was signed",
    "SLIPPAGE_EXCEEDED": "the swap would have given less than `minimumOut`; it was refused on the chain",
    "TRANSACTION_FAILED": "the transaction failed on the chain",
    "BLOCKHASH_EXPIRED": "the transaction did not land in time, and no longer can",
    "WORKER_LOST": "the worker went away before it had signed anything",
    "INSUFFICIENT_LIQUIDITY": "no pool can fill the order",
    "POOL_NOT_OPEN": "the pool of a new token does not trade yet",
    "PRICE_IMPACT_TOO_HIGH": "the order would move the price further than its limit or the engine's",
    "BELOW_MINIMUM_OUT": "the best quote is less than the order's `minimumOut`; nothing was sent",
    "INSUFFICIENT_FUNDS": "the trading wallet holds too little of the token, or of SOL for the fees",
    "HALTED": "trading is halted: nothing is signed",
    "CAP_MISSING": "the token has no cap, without which none of it is sold on mainnet",
    "ORDER_CAP_EXCEEDED": "the order sells more than one order may",
    "DAY_CAP_EXCEEDED": "with the order, more would be sold in 24 hours than may be",
    "DRY_RUN": "nothing is signed, by a setting; `error` says what the order would have given",
    "TRANSACTION_MALFORMED": "the venue's transaction can't be read, or is signed for us already",
    "BLOCKHASH_UNKNOWN": "the venue's transaction has another blockhash than the one that was checked",
    "WRONG_FEE_PAYER": "another account would pay the fee of the venue's transaction",
    "SIGNATURE_INVALID": "another signer has not signed the venue's transaction, or signed another one",
    "PROGRAM_NOT_ALLOWED": "the venue's transaction calls a program that the settings do not allow",
    "INSTRUCTION_NOT_ALLOWED": "the venue's transaction does what no swap needs",
    "MEMO_NOT_ALLOWED": "the memo of the venue's transaction is not the order's id",
    "WRONG_MINT": "the venue's transaction moves another token",
    "WRONG_DESTINATION": "the venue's transaction sends tokens or SOL to another account",
    "WRONG_AMOUNT_IN": "the venue's transaction sells another amount",
    "WRONG_AMOUNT_OUT": "the venue's transaction gives less than `minimumOut`",
    "FEE_TOO_HIGH": "the venue's transaction pays the network too much",
    "WRONG_CLUSTER": "the RPC node is of another cluster than the settings name",
    "NO_RPC_NODE": "what answers at the RPC node's address is no Solana RPC node",
}
"""Why an attempt fails: in events, and with 409 of a quote. Those from `HALTED` on: nothing was signed."""

UNQUOTABLE = 409
RETRY_LATER = (429, 503)  # with Retry-After, except where another try may do harm
HARMFUL_TO_RETRY = ("OUTCOME_UNKNOWN",)


def status_of(code: str) -> int:
    """The HTTP status that a code is answered with."""
    if code in FAILURES:
        return UNQUOTABLE
    return CODES[code].statuses[0] if code in CODES else 500
