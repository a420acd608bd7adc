"""Every error the engine names, in one tree.

    EngineError
    ├── InvalidRequest           the request is wrong; `code` says how
    │   └── TokenListed          a sniper waits for a token that is traded already
    ├── Unauthenticated          no valid API key or ticket came with the request
    ├── Forbidden                the API key lacks the scope that this takes
    ├── NotFound                 no such order
    ├── TooLarge                 more than the engine reads in one request
    ├── UnsupportedMediaType     the body is not declared as JSON
    ├── IdempotencyConflict      the key belongs to an order with other terms
    ├── TooLate                  the order can't be cancelled any more; `status` is where it is
    ├── QuoteExpired             the quote that an order names is over
    ├── LimitReached             the client has reached a limit; `code` says which
    │   └── TooFast              its requests or messages come too fast; `wait_s` until the next one
    ├── TemporarilyUnavailable   a server behind the engine is unavailable; retry later
    │   └── OutcomeUnknown       … and whether the order is stored is not known; `order_id` names it
    ├── ClaimLost                another worker has claimed the order since; this one stops
    ├── IllegalTransition        a move that the lifecycle's table does not list: a programming error
    └── AttemptFailed            one attempt to execute an order came to nothing
        ├── QuoteTimeout
        ├── VenueUnavailable
        ├── ChainUnavailable
        ├── InsufficientLiquidity      (no retry can help)
        ├── PoolNotOpen
        ├── PriceImpactTooHigh         (no retry can help)
        ├── BelowMinimumOut
        ├── SlippageExceeded
        ├── InsufficientFunds          the trading wallet holds too little of the token, or of SOL
        ├── TransactionFailed
        ├── SigningRefused             (no retry can help) a check before the signature; `code` says which
        ├── BlockhashExpired
        └── WorkerLost

An error's text is for people. Programs look at `code`, which never changes, and at `retryable`.
"""

from __future__ import annotations

from math import ceil
from typing import ClassVar


class EngineError(Exception):
    """An error that the engine knows; `details` are further facts for the client, by name."""

    text: ClassVar[str] = "Something went wrong."
    code: str = "INTERNAL_ERROR"

    def __init__(self, message: str = "", *, code: str | None = None, **details: object) -> None:
        super().__init__(message or self.text)
        if code is not None:
            self.code = code
        self.details = details


class InvalidRequest(EngineError):
    text = "The request is not valid."
    code = "INVALID_REQUEST"


class TokenListed(InvalidRequest):
    text = "A sniper waits for a token that is not traded yet, and this one is: a limit order buys it."
    code = "TOKEN_LISTED"


class Unauthenticated(EngineError):
    text = "This takes an API key, and none that is valid came with the request."
    code = "UNAUTHENTICATED"


class Forbidden(EngineError):
    text = "The API key does not have the scope that this takes."
    code = "MISSING_SCOPE"


class NotFound(EngineError):
    text = "There is no such order."
    code = "ORDER_NOT_FOUND"


class TooLarge(EngineError):
    text = "The request is larger than the engine reads."
    code = "BODY_TOO_LARGE"


class UnsupportedMediaType(EngineError):
    text = "The body must be sent as application/json."
    code = "UNSUPPORTED_MEDIA_TYPE"


class IdempotencyConflict(EngineError):
    text = "This key belongs to an order with other terms."
    code = "IDEMPOTENCY_CONFLICT"


class TooLate(EngineError):
    text = "The order can't be cancelled any more."
    code = "NOT_CANCELLABLE"


class QuoteExpired(EngineError):
    text = "The quote has expired; ask for another one."
    code = "QUOTE_EXPIRED"


class LimitReached(EngineError):
    text = "There are too many."
    code = "LIMIT_REACHED"


class TooFast(LimitReached):
    text = "Your requests come faster than they may: wait as many seconds as retryAfter says."
    code = "TOO_MANY_REQUESTS"

    def __init__(self, wait_s: float = 1.0) -> None:
        super().__init__(retry_after=ceil(wait_s))
        self.wait_s = wait_s


class TemporarilyUnavailable(EngineError):
    text = "The engine can't do this right now; try again in a moment."
    code = "TEMPORARILY_UNAVAILABLE"


class OutcomeUnknown(TemporarilyUnavailable):
    text = (
        "The order may have been stored, and may be executed. Ask for it by its orderId, or submit it again "
        "under its idempotency key; without a key, submitting again may trade twice."
    )
    code = "OUTCOME_UNKNOWN"


class ClaimLost(EngineError):
    text = "Another worker owns this order now."
    code = "CLAIM_LOST"


class IllegalTransition(EngineError):
    text = "The order's lifecycle has no such move."
    code = "ILLEGAL_TRANSITION"


class AttemptFailed(EngineError):
    text = "An attempt to execute the order failed."
    code = "ATTEMPT_FAILED"
    retryable: ClassVar[bool] = True


class QuoteTimeout(AttemptFailed):
    text = "No venue answered in time with a quote."
    code = "QUOTE_TIMEOUT"


class VenueUnavailable(AttemptFailed):
    text = "No venue could give a quote."
    code = "VENUE_UNAVAILABLE"


class ChainUnavailable(AttemptFailed):
    text = "The chain does not answer."
    code = "CHAIN_UNAVAILABLE"


class InsufficientLiquidity(AttemptFailed):
    text = "The pool does not hold enough to fill the order."
    code = "INSUFFICIENT_LIQUIDITY"
    retryable = False


class PoolNotOpen(AttemptFailed):
    text = "The pool is not open yet."
    code = "POOL_NOT_OPEN"


class PriceImpactTooHigh(AttemptFailed):
    text = "The order would move the price further than it may."
    code = "PRICE_IMPACT_TOO_HIGH"
    retryable = False


class BelowMinimumOut(AttemptFailed):
    text = "No venue offers as much as the order asks for at least."
    code = "BELOW_MINIMUM_OUT"


class SlippageExceeded(AttemptFailed):
    text = "The swap would have given less than the order's minimum."
    code = "SLIPPAGE_EXCEEDED"


class InsufficientFunds(AttemptFailed):
    text = "The trading wallet does not hold enough for the order."
    code = "INSUFFICIENT_FUNDS"


class TransactionFailed(AttemptFailed):
    text = "The chain executed the transaction and it failed."
    code = "TRANSACTION_FAILED"


class SigningRefused(AttemptFailed):
    """Nothing was signed; each is given one of `CODES`, which says why."""

    text = "The transaction was not signed."
    code = "SIGNING_REFUSED"
    retryable = False
    CODES: ClassVar[frozenset[str]] = frozenset(
        {
            "HALTED",
            "CAP_MISSING",
            "ORDER_CAP_EXCEEDED",
            "DAY_CAP_EXCEEDED",
            "DRY_RUN",
            "TRANSACTION_MALFORMED",
            "BLOCKHASH_UNKNOWN",
            "WRONG_FEE_PAYER",
            "SIGNATURE_INVALID",
            "PROGRAM_NOT_ALLOWED",
            "INSTRUCTION_NOT_ALLOWED",
            "MEMO_NOT_ALLOWED",
            "WRONG_MINT",
            "WRONG_DESTINATION",
            "WRONG_AMOUNT_IN",
            "WRONG_AMOUNT_OUT",
            "FEE_TOO_HIGH",
            "WRONG_CLUSTER",
            "NO_RPC_NODE",
        }
    )

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        assert code is None or code in self.CODES, code
        super().__init__(message, code=code)


class BlockhashExpired(AttemptFailed):
    text = "The transaction did not land before its blockhash expired."
    code = "BLOCKHASH_EXPIRED"


class WorkerLost(AttemptFailed):
    text = "The worker that held the order went away."
    code = "WORKER_LOST"
