"""Every setting of the engine, read once from the environment.

`Config.load()` names the variable in what it raises, so a wrong value ends the process at its start and says
where to look. A field's variable is its name in capitals; `.env.example` lists them all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .domain.terms import DEFAULT_SLIPPAGE_BPS, MAX_PRICE_IMPACT_BPS, MAX_SLIPPAGE_BPS


class ConfigError(Exception):
    """A setting is missing or wrong; the message names it."""


def setting(
    default: Any,
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    form: str = "",
    is_secret: bool = False,
) -> Any:
    """A field of `Config`: its default, what it means (with its unit), and what it may be.

    One that `is_secret` is not in the configuration's `repr`.
    """
    limits = {"least": least, "most": most, "choices": choices, "form": form}
    return field(default=default, repr=not is_secret, metadata={"doc": doc, **limits})


ORIGINS = r"(\*|[a-zA-Z][a-zA-Z0-9+.-]*://[^/,\s]+)(\s*,\s*(\*|[a-zA-Z][a-zA-Z0-9+.-]*://[^/,\s]+))*"


@dataclass(frozen=True, slots=True)
class Config:
    """The engine's settings."""

    database_url: str = setting(
        "", "Postgres, as a libpq URL: postgresql://user:password@127.0.0.1:5432/orders", is_secret=True
    )
    redis_url: str = setting("", "Redis or Valkey, redis:// or rediss://", is_secret=True)
    orders_queue_url: str = setting("", "the SQS queue between submit and process")
    orders_dlq_url: str = setting("", "its dead-letter queue")
    aws_endpoint_url: str = setting("", "an emulator's endpoint, such as http://127.0.0.1:4566; empty on AWS")
    database_secret: str = setting(
        "", "ARN of the secret with the database's username and password; empty: they are in the URL"
    )
    database_role_secret: str = setting(
        "",
        "ARN of the secret with the username and password of the role that serves, which migrations make; "
        "empty: there is none",
    )
    database_login: str = setting(
        "owner",
        "who serves in Postgres: `owner`, of DATABASE_SECRET; or `role`, of DATABASE_ROLE_SECRET. Migrations "
        "are the owner's",
        choices=("owner", "role"),
    )
    redis_secret: str = setting(
        "", "ARN of the secret with Redis' username and password; empty: they are in the URL"
    )
    engine_auth: str = setting(
        "open",
        "who may use the API: `open`, everybody who reaches it, for one machine alone; or `keys`, who has an "
        "API key",
        choices=("open", "keys"),
    )
    key_pepper: str = setting(
        "",
        "secret that hashes of API keys and the signatures of tickets are made with, 32 characters or more; "
        "several, newest first, with commas between",
        is_secret=True,
    )
    key_pepper_secret: str = setting(
        "", "ARN of the secret that holds KEY_PEPPER as its `password`; empty: it is in KEY_PEPPER"
    )
    allowed_origins: str = setting(
        "",
        "origins whose pages may use the engine, such as https://trade.example, with commas between; `*` is "
        "every one; empty: the engine's own alone while it is open, every one while keys are needed",
        form=ORIGINS,
    )
    admin_key_secret: str = setting(
        "", "ARN of the secret that a deployment keeps its first API key in; empty on one machine"
    )
    ticket_ttl_ms: int = setting(
        60000, "how long a ticket for a WebSocket may be used, ms", least=1000, most=3_600_000
    )
    websocket_url: str = setting(
        "", "wss://… that clients connect to; empty: where they have sent their request"
    )
    websocket_endpoint: str = setting(
        "", "https://… of the WebSocket API's @connections; empty on one machine"
    )
    relay_function: str = setting("", "name of the deployed relay function; empty on one machine")
    trigger_function: str = setting("", "name of the deployed triggers' function; empty on one machine")
    gateway_id: str = setting(
        "",
        "name of the gateway whose connections are registered and served, where several share a Redis; empty "
        "on AWS; on one machine each start makes its own",
    )
    metrics_namespace: str = setting("", "CloudWatch namespace of the engine's metrics; empty: no metrics")
    otel_exporter_otlp_endpoint: str = setting(
        "", "where traces are sent over OTLP/HTTP, such as http://127.0.0.1:4318; empty: nowhere"
    )

    database_connections: int = setting(4, "connections to Postgres per process", least=1, most=100)
    max_attempts: int = setting(3, "attempts to execute an order", least=1, most=10)
    retry_base_ms: int = setting(
        500, "wait after the first failed attempt, ms; doubles each time", least=0, most=60_000
    )
    quote_timeout_ms: int = setting(3000, "how long a venue may take to quote, ms", least=1, most=600_000)
    confirm_timeout_ms: int = setting(
        15000, "how long one attempt waits for its transaction, ms", least=1, most=600_000
    )
    lease_ms: int = setting(
        20000, "how long a worker that does not renew its lease keeps an order, ms", least=100, most=3_600_000
    )
    default_slippage_bps: int = setting(
        DEFAULT_SLIPPAGE_BPS,
        "an order's slippage limit if it names none, in 1/100 of a per cent",
        least=1,
        most=MAX_SLIPPAGE_BPS,
    )
    max_auto_slippage_bps: int = setting(
        300,
        "the most slippage that the engine chooses for an order that says `auto`, in 1/100 of a per cent",
        least=1,
        most=MAX_SLIPPAGE_BPS,
    )
    max_price_impact_bps: int = setting(
        300,
        "how far an order may move the price if it has no limit of its own, in 1/100 of a per cent",
        least=1,
        most=MAX_PRICE_IMPACT_BPS,
    )
    quote_ttl_ms: int = setting(
        10000, "how long an order may name a quote that was given, ms", least=1, most=3_600_000
    )
    sweep_after_ms: int = setting(
        60000,
        "how long an order that cannot be in the queue waits before a sweep queues it again, ms; 5000 on one "
        "machine",
        least=100,
        most=86_400_000,
    )
    trigger_seconds: float = setting(
        60.0,
        "how long a run of the triggers watches prices, s; one is started each minute; 0 on one machine, "
        "where each poll is a run",
        least=0,
        most=890,
    )
    trigger_poll_ms: int = setting(
        400, "how often the triggers look at the prices of resting orders, ms", least=50, most=60_000
    )
    trigger_shards: int = setting(
        1, "runs of the triggers at a time, each for a part of the pairs", least=1, most=64
    )
    idempotency_ttl_s: int = setting(
        86400, "how long an idempotency key is kept, s", least=1, most=31_536_000
    )
    rate_limit_per_s: float = setting(
        100.0,
        "requests that an account, and an address, may make in a second where API keys are needed; 0: no "
        "limit",
        least=0,
        most=1_000_000,
    )
    rate_burst: int = setting(200, "requests that they may make at once", least=1, most=1_000_000)
    max_outstanding_orders: int = setting(
        10000,
        "orders that a client may have under way: an account, or an address where the engine is open",
        least=1,
    )
    max_sockets_per_client: int = setting(2000, "connections that such a client may have open", least=1)
    max_subscriptions: int = setting(5000, "subscriptions that a connection may have at a time", least=1)
    max_subscriptions_per_account: int = setting(
        20000, "subscriptions that an account may have at each relay, where API keys are needed", least=1
    )
    relay_shards: int = setting(1, "relays that connections are spread over", least=1, most=256)
    relay_seconds: int = setting(
        890, "how long a relay serves before the next one does, s", least=1, most=890
    )
    relay_lease_ms: int = setting(
        10000,
        "how long a relay that does not renew its lease keeps its shard, ms; 2000 on one machine",
        least=500,
    )
    relay_poll_ms: int = setting(
        2000, "how often a relay reads the table for events that it missed, ms", least=50
    )

    world: str = setting(
        "simulated",
        "venues, chain and wallet: `simulated`; `solana`, which signs real transactions; or one of your own "
        "(functions/chalicelib/worlds.py)",
    )
    token_list: str = setting(
        "",
        "further tokens that are traded: a token list as JSON, or its path, from the functions' folder too "
        "(functions/chalicelib/token_list.py)",
    )
    sim_seed: str = setting(
        "solana", "seed of the simulated market: the same seed, the same prices at the same time"
    )
    sim_latency: float = setting(
        1.0, "scale of simulated latencies: 1 is real (some 3 s an order), 0 is none", least=0, most=100
    )
    sim_slot_ms: int = setting(400, "length of a simulated slot, ms", least=1)
    sim_blockhash_slots: int = setting(150, "slots for which a simulated blockhash lives", least=1)
    sim_priority_fee: int = setting(
        10_000,
        "what the simulated wallet offers for a transaction to be taken sooner, lamports",
        least=0,
        most=1_000_000_000,
    )
    sim_faults: str = setting(
        "",
        "faults to inject: rules separated by `;`, each KIND [venue=…] [token=…] [times=N] [rate=0…1], KIND "
        "one of quote-timeout, quote-error, send-dropped, reply-lost, slippage; "
        "e.g. quote-timeout token=COPE times=2",
    )

    sim_launches: str = setting(
        "",
        "tokens to be launched once the engine runs: launches separated by `;`, each SYMBOL price=… "
        "liquidity=… [in=5s] [decimals=6] [venue=raydium] [against=SOL] [mint=…]; "
        "e.g. WIF price=0.001 liquidity=100 in=30s",
    )

    solana_cluster: str = setting(
        "local",
        "the cluster that the nodes must be of: `local`, any that is not public; or `devnet`, `testnet`, "
        "`mainnet`, by their genesis hash. For WORLD=solana, as all that follows",
        choices=("local", "devnet", "testnet", "mainnet"),
    )
    solana_allow_mainnet: str = setting(
        "no",
        "`yes` trades real money, where SOLANA_CLUSTER is mainnet; caps are needed then",
        choices=("no", "yes"),
    )
    solana_rpc_urls: str = setting(
        "",
        "URLs of Solana RPC nodes with commas between; the first that answers is asked",
        form=r"https?://[^,\s]+(\s*,\s*https?://[^,\s]+)*",
        is_secret=True,  # as providers put a key in theirs
    )
    solana_commitment: str = setting(
        "confirmed",
        "when a swap has landed: in a `confirmed` block, or in a `finalized` one, some 13 s later",
        choices=("confirmed", "finalized"),
    )
    solana_key_file: str = setting(
        "", "file of mode 600 with the trading wallet's key, as solana-keygen writes it"
    )
    solana_key: str = setting("", "that key itself, as an array of 64 numbers or in base58", is_secret=True)
    solana_key_secret: str = setting("", "ARN of the secret that holds the key as its `password`")
    jupiter_url: str = setting(
        "https://api.jup.ag/swap/v2", "Jupiter's Swap API, up to `/order`", form=r"https?://\S+"
    )
    jupiter_api_key: str = setting("", "key for the Swap API; empty: it is asked without one", is_secret=True)
    jupiter_api_key_secret: str = setting(
        "", "ARN of the secret that holds this key as its `password`; empty: it is in JUPITER_API_KEY"
    )
    solana_venues: str = setting(
        "raydium=Raydium, meteora=Meteora DLMM, orca=Whirlpool",
        "venues with commas between: each NAME=DEX with the DEX as Jupiter labels it, or NAME=* for all of "
        "its router",
        form=r"\w+=[^,=]+(\s*,\s*\w+=[^,=]+)*",
    )
    solana_programs: str = setting(
        "",
        "addresses of programs, with commas between, that a venue's transaction may call beside System, SPL "
        "Token, Associated Token Account, Memo and ComputeBudget; it is simulated before it is signed",
    )
    solana_simulate: str = setting(
        "needed",
        "which transactions are simulated before they are signed: those that call SOLANA_PROGRAMS "
        "(`needed`), or all (`always`); with `only` nothing is signed, and orders fail with what they would "
        "have given",
        choices=("needed", "always", "only"),
    )
    solana_max_fee: int = setting(
        1_000_000,
        "the most that a transaction may pay the network, lamports",
        least=5_000,
        most=1_000_000_000,
    )
    solana_priority_fee: int = setting(
        10_000,
        "what a transaction offers to be taken sooner, lamports; a part of SOLANA_MAX_FEE",
        least=0,
        most=1_000_000_000,
    )
    solana_order_caps: str = setting(
        "", "the most that one order may sell, by token: `SOL=1 USDC=200`; needed on mainnet"
    )
    solana_day_caps: str = setting("", "the most that all orders of 24 hours may sell, by token; likewise")
    solana_halted: str = setting(
        "no",
        "`yes` signs nothing, as a halt by `python -m local halt` does, which needs no restart",
        choices=("no", "yes"),
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> Config:
        """The settings as the environment gives them. Raises ConfigError."""
        given = {item.name: environ.get(item.name.upper(), "").strip() for item in fields(cls)}
        values: dict[str, Any] = {name: _parse(_field(name), text) for name, text in given.items() if text}
        return cls(**values)

    @property
    def chain(self) -> str:
        """The chain that orders settle on: `simulated`, `solana devnet`."""
        return f"{self.world} {self.solana_cluster}" if self.world == "solana" else self.world

    def require(self, *names: str) -> None:
        """Raise ConfigError unless each of these settings has a value."""
        for name in names:
            if not getattr(self, name):
                raise ConfigError(f"{name.upper()} is not set: {_field(name).metadata['doc']}")


def _field(name: str) -> Any:
    return next(item for item in fields(Config) if item.name == name)


def _parse(item: Any, text: str) -> str | int | float:
    kind = {"int": int, "float": float}.get(item.type, str)
    try:
        value: str | int | float = kind(text)
    except ValueError:
        raise ConfigError(f"{item.name.upper()}={text!r} is not a number ({item.metadata['doc']})") from None
    choices, least, most = (item.metadata[name] for name in ("choices", "least", "most"))
    if choices and value not in choices:
        raise ConfigError(f"{item.name.upper()}={text!r} must be one of {', '.join(choices)}")
    if item.metadata["form"] and not re.fullmatch(item.metadata["form"], text):
        # Without the text: a URL may hold a key.
        raise ConfigError(f"{item.name.upper()} has another form ({item.metadata['doc']})")
    if isinstance(value, (int, float)) and not (
        (least is None or value >= least) and (most is None or value <= most)
    ):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{item.name.upper()}={text} must be {bounds} ({item.metadata['doc']})")
    return value
