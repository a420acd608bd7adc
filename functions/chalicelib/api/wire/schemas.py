"""Every object of the API, field by field, with its keys in camelCase and unknown values absent.

Money is a decimal string. A field that was released keeps its meaning; fields are added.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ...domain.lifecycle import Status
from ...domain.terms import (
    DEFAULT_SLIPPAGE_BPS,
    MAX_KEY_LENGTH,
    MAX_LIFETIME_MS,
    MAX_PRICE_DIGITS,
    MAX_PRICE_IMPACT_BPS,
    MAX_SLIPPAGE_BPS,
    OrderType,
)
from ...domain.tokens import TOKENS
from .codes import FAILURES

SUBMIT_PATH = "/api/orders/execute"
"""Where an order is submitted (POST) and its events are streamed (WebSocket)."""

MAX_VENUES, MAX_VENUE_LENGTH = 16, 32
DEFAULT_LIMIT, MAX_LIMIT = 50, 200  # orders of a page
CURSOR = r"([0-9]{1,16})-([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
"""Where a page ended: when its last order was created, in microseconds of Unix time, and the order's id."""

OrderId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Timestamp = Annotated[
    str, Meta(description="RFC 3339, UTC, milliseconds", extra_json_schema={"format": "date-time"})
]
Money = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$", examples=["227.331"])]
BaseUnits = Annotated[str, Meta(pattern=r"^[0-9]+$", examples=["227331000"])]
Ratio = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$", examples=["0.0012"])]
Mint = Annotated[str, Meta(examples=["So11111111111111111111111111111111111111112"])]
Count = Annotated[int, Meta(ge=0)]
Ordinal = Annotated[int, Meta(ge=1)]
ABOVE_ZERO = r"^(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)$"
DecimalText = Annotated[str, Meta(max_length=100, pattern=ABOVE_ZERO, examples=["1.5"])]
Amount = Annotated[float, Meta(gt=0)] | DecimalText
Price = (
    Annotated[float, Meta(ge=10.0**-MAX_PRICE_DIGITS, lt=10.0 ** (MAX_PRICE_DIGITS + 1))]
    | Annotated[str, Meta(max_length=MAX_PRICE_DIGITS, pattern=ABOVE_ZERO, examples=["1.5"])]
)
Lifetime = Annotated[int, Meta(ge=1, le=MAX_LIFETIME_MS)]
SlippageBps = Annotated[int, Meta(ge=1, le=MAX_SLIPPAGE_BPS)]
Auto = Literal["auto"]
PriceImpactBps = Annotated[int, Meta(ge=1, le=MAX_PRICE_IMPACT_BPS)]
Key = Annotated[str, Meta(min_length=1, max_length=MAX_KEY_LENGTH, pattern=r"^[\x20-\x7e]+$")]
QuoteId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{32}$")]
MINT_PATTERN = "^[1-9A-HJ-NP-Za-km-z]{32,44}$"
NEW_MINT = {"pattern": MINT_PATTERN}
"""Of a token that was launched since, or is to be, which has no other name."""
TokenName = Annotated[
    str,
    Meta(
        description="symbol or mint",
        examples=["SOL", "USDC"],
        extra_json_schema={
            "anyOf": [{"enum": [name for token in TOKENS for name in (token.symbol, token.mint)]}, NEW_MINT]
        },
    ),
]
Symbol = Annotated[
    str, Meta(extra_json_schema={"anyOf": [{"enum": [token.symbol for token in TOKENS]}, NEW_MINT]})
]
Venue = Annotated[str, Meta(examples=["raydium"])]
Venues = Annotated[list[Annotated[Venue, Meta(max_length=MAX_VENUE_LENGTH)]], Meta(max_length=MAX_VENUES)]
"""As many as an order may name: so a batch of the largest orders is within what the engine reads."""
Code = Annotated[str, Meta(pattern=r"^[A-Z_]+$")]
FailureCode = Annotated[str, Meta(extra_json_schema={"enum": list(FAILURES)})]
VenueAnswers = Annotated[
    dict[str, Any],  # Quote | Error: msgspec tells structs of a union apart by a tag, which these have not
    Meta(
        description="each venue's quote, or why it gave none, by venue",
        extra_json_schema={
            "additionalProperties": {
                "anyOf": [{"$ref": "#/components/schemas/Quote"}, {"$ref": "#/components/schemas/Error"}]
            }
        },
    ),
]
ServerStatus = Literal["ok", "unavailable"]


class Object(Struct, rename="camel", omit_defaults=True):
    """A JSON object of the API; a field whose value is not known is left out."""


class Terms(Object):
    """The terms of an order."""

    token_in: Annotated[Symbol, Meta(description="what is sold")]
    token_out: Annotated[Symbol, Meta(description="what is bought")]
    amount: Annotated[Money, Meta(description="how much of `tokenIn` is sold, in tokens")]
    slippage_bps: Annotated[
        SlippageBps | Auto,
        Meta(description="how much less than quoted the trader accepts, in 1/100 of a per cent"),
    ]
    max_price_impact_bps: (
        Annotated[PriceImpactBps, Meta(description="how far it may move the price, if it set that")] | None
    ) = None
    minimum_out: (
        Annotated[Money, Meta(description="the least of `tokenOut` that it asks for, if it set that")] | None
    ) = None
    type: (
        Annotated[OrderType, Meta(description="when it is executed; absent of a market order: now")] | None
    ) = None
    limit_price: Annotated[Money, Meta(description="a limit's least `tokenOut` per `tokenIn`")] | None = None
    stop_price: Annotated[Money, Meta(description="the price that a stop waits for")] | None = None
    max_price: Annotated[Money, Meta(description="a sniper's most `tokenIn` per `tokenOut`")] | None = None
    min_liquidity: (
        Annotated[Money, Meta(description="the least of `tokenIn` in a sniper's pool, if it set that")] | None
    ) = None
    expires_at: Annotated[Timestamp, Meta(description="after this it is not begun")] | None = None
    dexes: Annotated[list[Venue], Meta(description="where it may trade, if not everywhere")] | None = None


class NewOrder(Object, forbid_unknown_fields=True):
    """The body of a submit, and a submit on a connection."""

    token_in: Annotated[TokenName, Meta(description="what is sold: symbol or mint")]
    token_out: Annotated[
        TokenName, Meta(description="what is bought: symbol or mint; of a sniper the new token's mint")
    ]
    amount: Annotated[
        Amount,
        Meta(
            description="how much of `tokenIn` is sold, in tokens; at most as many decimals as the token "
            "has, at most 2⁶³ − 1 base units"
        ),
    ]
    slippage_bps: Annotated[
        SlippageBps | Auto,
        Meta(
            description="how much less than quoted the trader accepts, in 1/100 of a per cent; `auto`: the "
            "engine chooses it with the route, at most `MAX_AUTO_SLIPPAGE_BPS`"
        ),
    ] = DEFAULT_SLIPPAGE_BPS
    max_price_impact_bps: (
        Annotated[
            PriceImpactBps,
            Meta(
                description="how far the order may move the price, in 1/100 of a per cent; unless set, the "
                "engine's own limit, `MAX_PRICE_IMPACT_BPS`"
            ),
        ]
        | None
    ) = None
    minimum_out: (
        Annotated[
            Amount,
            Meta(
                description="the least of `tokenOut` that the trader accepts, in tokens, whatever is quoted; "
                "slippage may ask for more"
            ),
        ]
        | None
    ) = None
    type: Annotated[
        OrderType,
        Meta(
            description="`market`: now; `limit`: when this size gets `limitPrice` or more; `stop`: "
            "when it gets `stopPrice` or less; `sniper`: when a pool of a new token opens, and this size "
            "costs `maxPrice` or less"
        ),
    ] = OrderType.MARKET
    limit_price: (
        Annotated[
            Price,
            Meta(
                description="of a limit: the least `tokenOut` per `tokenIn`, after fees and price impact, "
                "for this size; no fill is below it"
            ),
        ]
        | None
    ) = None
    stop_price: (
        Annotated[
            Price,
            Meta(description="of a stop: sells once this size gets so little `tokenOut` per `tokenIn`"),
        ]
        | None
    ) = None
    max_price: (
        Annotated[
            Price,
            Meta(
                description="of a sniper: the most `tokenIn` per `tokenOut`, after fees and price impact, "
                "for this size; no fill costs more"
            ),
        ]
        | None
    ) = None
    min_liquidity: (
        Annotated[
            Amount,
            Meta(description="of a sniper: how much of `tokenIn` a pool of the pair must hold when it opens"),
        ]
        | None
    ) = None
    expires_at: (
        Annotated[Timestamp, Meta(description="after this the order is not begun; at most a year ahead")]
        | None
    ) = None
    expires_in_ms: Annotated[Lifetime, Meta(description="the same, in ms from the submit")] | None = None
    dexes: Annotated[Venues, Meta(description="the only venues it may trade at")] | None = None
    exclude_dexes: Annotated[Venues, Meta(description="venues it may not trade at")] | None = None
    quote_id: (
        Annotated[
            QuoteId,
            Meta(
                description="of a market order: a quote for these tokens and this amount, not over; the "
                "order's `minimumOut` is then at least that quote's"
            ),
        ]
        | None
    ) = None
    client_order_id: (
        Annotated[Key, Meta(description="the idempotency key: makes it safe to submit again")] | None
    ) = None


class SwapInfo(Object):
    """A leg of a route: a swap in one pool, as Jupiter describes it; amounts in base units."""

    amm_key: Annotated[str, Meta(description="the pool's address")]
    label: Annotated[Venue, Meta(description="its venue")]
    input_mint: Annotated[Mint, Meta(description="mint of what is sold")]
    output_mint: Annotated[Mint, Meta(description="mint of what is bought")]
    in_amount: Annotated[BaseUnits, Meta(description="how much is sold")]
    out_amount: Annotated[BaseUnits, Meta(description="how much that gives")]
    fee_amount: Annotated[BaseUnits, Meta(description="the venue's fee, part of `inAmount`")]
    fee_mint: Annotated[Mint, Meta(description="mint of the fee")]


class RouteStep(Object):
    """A leg of a route, with its share of what the route sells of its `inputMint`."""

    percent: Annotated[int, Meta(ge=0, le=100, description="the share in per cent, rounded down")]
    bps: Annotated[int, Meta(ge=0, le=10_000, description="the share in 1/100 of a per cent")]
    swap_info: SwapInfo


RoutePlan = Annotated[
    list[RouteStep], Meta(description="the legs, in the order of their execution; they land together or not")
]


class SingleVenue(Object):
    """What the best venue would have given alone."""

    dex: Annotated[Venue, Meta(description="the venue")]
    amount_out: Annotated[Money, Meta(description="how much of `tokenOut`")]


class Fee(Object):
    """A fee."""

    amount: Annotated[Money, Meta(description="in tokens")]
    token: Annotated[Symbol, Meta(description="of which token")]


class Fees(Object):
    """What a fill has cost, by who took it."""

    network: Annotated[Fee, Meta(description="the chain's fee for the transaction")]
    priority: (
        Annotated[Fee, Meta(description="what was paid for the transaction to be taken sooner")] | None
    ) = None
    venue: Annotated[list[Fee] | None, Meta(description="the venues' fees, by token")] = None


class Fill(Object, kw_only=True):
    """How a fill came to what it gave."""

    quoted_out: Annotated[Money, Meta(description="how much of `tokenOut` was quoted")]
    received_out: Annotated[Money, Meta(description="how much the trader received")]
    slippage_used_bps: Annotated[
        int, Meta(description="how much less than quoted that is, in 1/100 of a per cent, rounded up")
    ]
    price_impact_bps: Annotated[Count, Meta(description="how far the order moves the price")] | None = None
    fees: Fees
    compute_units: Annotated[Count, Meta(description="compute units that the transaction took")] | None = None
    best_single: SingleVenue | None = None
    step_ms: (
        Annotated[dict[str, Count], Meta(description="ms spent in each status, over all attempts")] | None
    ) = None


class Submitted(Object):
    """The answer to a submit."""

    order_id: Annotated[OrderId, Meta(description="the order")]
    status: Annotated[Status, Meta(description="`pending`; of a key's first order, its status now")]
    websocket: Annotated[str, Meta(description="address that streams the order's events")]
    replayed: Annotated[bool, Meta(description="on a connection: whether its key had an order")] | None = None


class Batch(Object, forbid_unknown_fields=True):
    """The body of a batch."""

    orders: Annotated[
        list[dict[str, Any]],
        Meta(description="orders as a submit takes them, each judged alone", min_length=1, max_length=100),
    ]


class BatchResults(Object):
    """The answer to a batch."""

    results: Annotated[
        list[dict[str, Any]],  # Submitted | Error, as with VenueAnswers
        Meta(
            description="in the order of the batch: what a submit alone is answered, or its error",
            extra_json_schema={
                "items": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/Submitted"},
                        {"$ref": "#/components/schemas/Error"},
                    ]
                }
            },
        ),
    ]


class CancelledOrders(Object):
    """The orders that were cancelled."""

    cancelled: Annotated[list[OrderId], Meta(description="their ids")]


class Token(Object):
    """A token that is traded."""

    symbol: Annotated[
        str, Meta(description="its name; one that was launched since is known to orders by its mint alone")
    ]
    mint: Annotated[str, Meta(description="its address on Solana")]
    decimals: Count
    tradable: Annotated[bool, Meta(description="whether orders may name it now")]
    opened_at: (
        Annotated[Timestamp, Meta(description="of one that was launched since: when its first pool opened")]
        | None
    ) = None


class TokenList(Object):
    """The tokens that are traded."""

    tokens: list[Token]


class Order(Object, kw_only=True):
    """An order."""

    order_id: Annotated[OrderId, Meta(description="the order")]
    client_order_id: Annotated[Key, Meta(description="the idempotency key it was submitted under")] | None = (
        None
    )
    status: Annotated[Status, Meta(description="where it is in its lifecycle")]
    attempt: Annotated[Ordinal, Meta(description="which attempt it is in, from 1")]
    token_in: Annotated[Symbol, Meta(description="what is sold")]
    token_out: Annotated[Symbol, Meta(description="what is bought")]
    amount: Annotated[Money, Meta(description="how much of `tokenIn` is sold, in tokens")]
    slippage_bps: Annotated[
        SlippageBps | Auto, Meta(description="how much less than quoted the trader accepts")
    ]
    max_price_impact_bps: (
        Annotated[PriceImpactBps, Meta(description="how far it may move the price, if it set that")] | None
    ) = None
    type: Annotated[OrderType, Meta(description="when it is executed; absent of a market order")] | None = (
        None
    )
    limit_price: Annotated[Money, Meta(description="a limit's least `tokenOut` per `tokenIn`")] | None = None
    stop_price: Annotated[Money, Meta(description="the price that a stop waits for")] | None = None
    max_price: Annotated[Money, Meta(description="a sniper's most `tokenIn` per `tokenOut`")] | None = None
    min_liquidity: (
        Annotated[Money, Meta(description="the least of `tokenIn` in a sniper's pool, if it set that")] | None
    ) = None
    expires_at: Annotated[Timestamp, Meta(description="after this it is not begun")] | None = None
    dexes: Annotated[list[Venue], Meta(description="where it may trade, if not everywhere")] | None = None
    dex: (
        Annotated[Venue, Meta(description="the venue it was routed to; of several, that of the largest leg")]
        | None
    ) = None
    quoted_out: Annotated[Money, Meta(description="how much of `tokenOut` the venue quoted")] | None = None
    minimum_out: (
        Annotated[Money, Meta(description="the least of `tokenOut` that the swap may give")] | None
    ) = None
    amount_out: Annotated[Money, Meta(description="how much of `tokenOut` the trader received")] | None = None
    executed_price: Annotated[Money, Meta(description="`tokenOut` per `tokenIn` of the fill")] | None = None
    tx_hash: Annotated[str, Meta(description="the transaction that filled it")] | None = None
    error: Annotated[str, Meta(description="why it failed, or why its last attempt did")] | None = None
    code: Annotated[FailureCode, Meta(description="its code")] | None = None
    created_at: Annotated[Timestamp, Meta(description="when it was stored")]
    updated_at: Annotated[Timestamp, Meta(description="when its status last changed")]


class OrderWithEvents(Order, kw_only=True):
    """An order with all its events."""

    websocket: Annotated[str, Meta(description="address that streams the order's events")]
    events: Annotated[list[dict[str, Any]], Meta(description="its events, by `seq`", min_length=1)]
    route_plan: RoutePlan | None = None
    fill: Annotated[Fill, Meta(description="how the fill came to what it gave")] | None = None


class Page(Object):
    """A page of orders, newest first."""

    orders: list[Order]
    next: Annotated[str | None, Meta(description="cursor of the following page; null on the last")]


class Quote(Object):
    """A venue's quote."""

    dex: Annotated[Venue, Meta(description="the venue")]
    price: Annotated[Money, Meta(description="`tokenOut` per `tokenIn`")]
    amount_out: Annotated[Money, Meta(description="what the trader receives, after fee and price impact")]
    fee: Annotated[Money, Meta(description="the venue's fee, in `tokenIn`")]
    price_impact_bps: Annotated[
        Count, Meta(description="how far the order moves the price, in 1/100 of a per cent")
    ]


class Error(Object):
    """A refusal, or why something failed."""

    error: Annotated[str, Meta(description="a sentence for people; it may change")]
    code: Annotated[Code, Meta(description="for programs; it does not change")]
    docs: (
        Annotated[
            str,
            Meta(
                description="where the code is explained: a page, relative to the address of the API",
                examples=["docs#INVALID_AMOUNT"],
            ),
        ]
        | None
    ) = None
    field: Annotated[str, Meta(description="the field that is wrong")] | None = None
    supported: Annotated[list[str], Meta(description="the values that are known")] | None = None
    order_id: Annotated[OrderId, Meta(description="the order that it is about")] | None = None
    limit: Annotated[int, Meta(description="the limit that was reached")] | None = None
    status: Annotated[Status, Meta(description="where the order is that can't be cancelled")] | None = None
    allow: Annotated[str, Meta(description="the methods that the path takes")] | None = None
    scope: Annotated[str, Meta(description="the scope that the API key lacks")] | None = None
    retry_after: (
        Annotated[int, Meta(description="seconds until the next request, as in Retry-After")] | None
    ) = None


class VenueQuotes(Object):
    """The quotes of every venue for an order that is not placed."""

    token_in: Annotated[Symbol, Meta(description="what is sold")]
    token_out: Annotated[Symbol, Meta(description="what is bought")]
    amount: Annotated[Money, Meta(description="how much of `tokenIn` is sold, in tokens")]
    slippage_bps: Annotated[SlippageBps, Meta(description="how much less than quoted the trader accepts")]
    chosen: Annotated[Venue, Meta(description="the venue of the best route; of several, of its largest leg")]
    amount_out: Annotated[Money, Meta(description="what it would give")]
    minimum_out: Annotated[Money, Meta(description="the least that a swap would give")]
    quotes: VenueAnswers
    max_price_impact_bps: (
        Annotated[PriceImpactBps, Meta(description="how far it may move the price, if that was set")] | None
    ) = None
    dexes: Annotated[list[Venue], Meta(description="where it may trade, if not everywhere")] | None = None
    refusal: (
        Annotated[Error, Meta(description="why an order on these terms would fail now, if it would")] | None
    ) = None
    in_amount: Annotated[BaseUnits, Meta(description="`amount` in base units")] | None = None
    out_amount: Annotated[BaseUnits, Meta(description="`amountOut` in base units")] | None = None
    other_amount_threshold: Annotated[BaseUnits, Meta(description="`minimumOut` in base units")] | None = None
    price_impact: Annotated[Ratio, Meta(description="how far the order moves the price")] | None = None
    route_plan: RoutePlan | None = None
    best_single: SingleVenue | None = None
    quote_id: (
        Annotated[QuoteId, Meta(description="names this quote in a submit, which then gets its `minimumOut`")]
        | None
    ) = None
    expires_at: Annotated[Timestamp, Meta(description="until when a submit may name it")] | None = None


class DeadLetterCount(Object):
    """How many dead letters the queue has."""

    count: Annotated[Count, Meta(description="how many there are")]
    oldest_seconds: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="age of the oldest, if known")
    ]


class Health(Object):
    """Whether the servers behind the engine answer."""

    status: Annotated[
        Literal["ok", "degraded"], Meta(description="`degraded` if one of the servers is unavailable")
    ]
    database: ServerStatus
    redis: ServerStatus
    queue: ServerStatus
    dead_letters: Annotated[DeadLetterCount | None, Meta(description="null if they can't be counted")]
    timestamp: Timestamp


class Verdict(Object):
    """Whether all is well: what an engine that takes API keys tells who is no administrator."""

    status: Literal["ok", "degraded"]


class NewTicket(Object, forbid_unknown_fields=True):
    """What a ticket is asked for."""

    order_id: (
        Annotated[OrderId, Meta(description="the one order; without it all of the account's")] | None
    ) = None


class Ticket(Object):
    """The address of a WebSocket for who can send no header, as a browser."""

    websocket: Annotated[str, Meta(description="for one connection", extra_json_schema={"format": "uri"})]
    expires_at: Annotated[Timestamp, Meta(description="until when it may be opened")]


class ApiKey(Object):
    """An API key, but for its secret."""

    id: str
    prefix: Annotated[str, Meta(description="what a key begins with that is this one")]
    account: str
    name: str
    scopes: list[str]
    created_at: Timestamp
    expires_at: Timestamp | None = None
    revoked_at: Annotated[Timestamp, Meta(description="when it ends, or ended, before its time")] | None = (
        None
    )
    last_used_at: Annotated[Timestamp, Meta(description="to the minute")] | None = None
    key: Annotated[str, Meta(description="the whole key, when it is made and never again")] | None = None


class ApiKeys(Object):
    """API keys."""

    keys: list[ApiKey]


class Index(Object):
    """What the engine is, and its endpoints."""

    name: str
    description: str
    endpoints: dict[str, str]


class Head(Object):
    """What every event has."""

    order_id: Annotated[OrderId, Meta(description="the order")]
    seq: Annotated[Ordinal, Meta(description="1, 2, 3 … without a gap")]
    status: Annotated[Status, Meta(description="the order's new status")]
    attempt: Annotated[Ordinal, Meta(description="which attempt, from 1")]
    at: Annotated[Timestamp, Meta(description="when it was stored")]


class Triggered(Object):
    """A resting order's price is there."""

    trigger_price: Annotated[
        Money, Meta(description="`tokenOut` per `tokenIn` that its size would get; of a sniper the inverse")
    ]


class Reopened(Object):
    """The price was gone when the order was executed: it rests again, and no attempt is spent."""

    error: Annotated[str, Meta(description="why it was not executed")]
    code: Annotated[FailureCode, Meta(description="its code")]


class Withdrawn(Object):
    """The order has ended before it was executed: the last event."""


class Retrying(Object):
    """After a failed attempt (`attempt` is the coming one)."""

    error: Annotated[str, Meta(description="why the last attempt failed")]
    code: Annotated[FailureCode, Meta(description="its code")]
    retry_in_ms: Annotated[Count, Meta(description="when the next one begins, ms")]


class Redriven(Object):
    """After a redrive (attempts count from 1 again)."""

    redriven: Annotated[Ordinal, Meta(description="how often the order has been redriven")]


class Routing(Object):
    """A worker has claimed the order and asks every venue for a quote."""


class Route(Object):
    """The quote that is taken; of several legs, their sum."""

    dex: Venue
    amount_out: Money
    minimum_out: Annotated[Money, Meta(description="the swap fails rather than give less")]
    price_impact_bps: Count


class Building(Object):
    """The route is chosen; its transaction is signed and kept, and not sent yet."""

    chosen: Annotated[Venue, Meta(description="the venue; of several, that of the largest leg")]
    route: Route
    quotes: VenueAnswers
    in_amount: Annotated[BaseUnits, Meta(description="the order's amount in base units")] | None = None
    out_amount: Annotated[BaseUnits, Meta(description="the route's `amountOut` in base units")] | None = None
    other_amount_threshold: (
        Annotated[BaseUnits, Meta(description="the route's `minimumOut` in base units")] | None
    ) = None
    slippage_bps: Annotated[SlippageBps, Meta(description="the order's")] | None = None
    price_impact: Annotated[Ratio, Meta(description="how far the order moves the price")] | None = None
    route_plan: RoutePlan | None = None
    best_single: SingleVenue | None = None


class Sent(Object):
    """The chain has acknowledged the transaction."""

    dex: Annotated[Venue, Meta(description="the venue")]
    tx_hash: Annotated[str, Meta(description="the transaction")]


class Confirmed(Object):
    """The swap has landed: the last event."""

    dex: Annotated[Venue, Meta(description="the venue")]
    tx_hash: Annotated[str, Meta(description="the transaction")]
    executed_price: Annotated[Money, Meta(description="`tokenOut` per `tokenIn`")]
    amount_out: Annotated[Money, Meta(description="what the trader received")]
    slot: Annotated[Count, Meta(description="the slot it landed in")]
    fill: Annotated[Fill, Meta(description="how the fill came to what it gave")] | None = None


class Failed(Object):
    """The order has failed: the last event, unless an operator redrives it."""

    error: Annotated[str, Meta(description="why the last attempt failed")]
    code: Annotated[FailureCode, Meta(description="its code")]
    attempts: Annotated[Ordinal, Meta(description="how many were made")]


EVENTS: dict[Status, tuple[type[Object], ...]] = {
    Status.OPEN: (Terms, Reopened),
    Status.PENDING: (Terms, Triggered, Retrying, Redriven),
    Status.ROUTING: (Routing,),
    Status.BUILDING: (Building,),
    Status.SUBMITTED: (Sent,),
    Status.CONFIRMED: (Confirmed,),
    Status.FAILED: (Failed,),
    Status.CANCELLED: (Withdrawn,),
    Status.EXPIRED: (Withdrawn,),
}
"""What an event of each status holds beside its head: the fields of one of these."""


class Subscribed(Object):
    """The answer to a subscribe; the order's events follow."""

    action: Literal["subscribed"]
    order_id: OrderId
    after: Count


class Unsubscribed(Object):
    """The answer to an unsubscribe."""

    action: Literal["unsubscribed"]
    order_id: OrderId


class CancelledOne(Object):
    """The answer to a cancel."""

    action: Literal["cancelled"]
    order_id: OrderId


class Pong(Object):
    """The answer to a ping."""

    action: Literal["pong"]
