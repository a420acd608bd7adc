"""Injected faults: what goes wrong on this node and at its maker, and how often.

A list of rules separated by `;`, each `KIND [times=2] [rate=0.1]`, with the option `method=…` or `token=…`
that the table names:

    quote-timeout      token    the maker never answers
    quote-error        token    the maker answers with HTTP 500
    quote-withdrawn    token    the maker has no quote any more once it is asked for the transaction
    blockhash-expired  token    the maker builds a transaction whose blockhash has expired
    slippage           token    the maker builds a transaction whose minimum is not reached
    send-dropped       token    sendTransaction answers the signature, and the transaction never lands
    reply-lost         token    sendTransaction accepts the transaction, and the connection ends unanswered
    rpc-silent         method   the request is never answered
    rpc-late           method   the request is executed at once, and answered after 3 s
    rate-limited       method   HTTP 429

`method` narrows a rule to a method of the JSON-RPC, or to `order`, the maker's endpoint; `token` to swaps
that sell or buy it. `rate` makes the rule strike by chance. `times=N` makes it strike the first N times for
each swap (its memo; without one dexes, pair and amount), transaction or method. Without either it always
strikes.
Faults that the simulated world has too have the same names there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from chalicelib.domain.tokens import find_token

LATE_S = 3.0
"""By how much `rpc-late` delays an answer, in seconds."""


class Kind(StrEnum):
    """What goes wrong."""

    QUOTE_TIMEOUT = "quote-timeout"
    QUOTE_ERROR = "quote-error"
    QUOTE_WITHDRAWN = "quote-withdrawn"
    BLOCKHASH_EXPIRED = "blockhash-expired"
    SLIPPAGE = "slippage"
    SEND_DROPPED = "send-dropped"
    REPLY_LOST = "reply-lost"
    RPC_SILENT = "rpc-silent"
    RPC_LATE = "rpc-late"
    RATE_LIMITED = "rate-limited"


OF_METHODS = (Kind.RPC_SILENT, Kind.RPC_LATE, Kind.RATE_LIMITED)
ORDER = "order"


class WrongRule(ValueError):
    """A rule is malformed; the message says which and why."""


@dataclass(slots=True)
class Rule:
    """One rule; None where its text does not say. `subject` is a method, or a token's mint."""

    kind: Kind
    subject: str | None = None
    times: int | None = None
    rate: float | None = None
    met: Counter[str] = field(default_factory=Counter)
    """How often the rule has applied, by occasion."""


class Faults:
    """The rules in force."""

    def __init__(self, text: str = "", random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311 - chance, not secrecy
        self.set(text)

    def set(self, text: str) -> None:
        """Replace the rules. Raises WrongRule, and then the rules stay as they were."""
        self._rules = [_rule(part) for part in text.split(";") if part.strip()]
        self.text = text

    def strike(self, kind: Kind, subjects: Collection[str], occasion: str = "") -> bool:
        """Whether `kind` happens to one of these methods or mints; `times` counts by `occasion`."""
        for rule in self._rules:
            if rule.kind is not kind or (rule.subject is not None and rule.subject not in subjects):
                continue
            if rule.rate is not None and self._random.random() >= rule.rate:
                continue
            rule.met[occasion] += 1
            if rule.times is None or rule.met[occasion] <= rule.times:
                return True
        return False


def _rule(text: str) -> Rule:
    name, *options = text.split()
    if name not in [*Kind]:
        raise WrongRule(f"In the rule `{text.strip()}`, {name!r} is no fault: {', '.join(Kind)}.")
    rule = Rule(Kind(name))
    for option in options:
        key, _, value = option.partition("=")
        try:
            _set(rule, key, value)
        except ValueError:
            raise WrongRule(f"In the rule `{text.strip()}`, {option!r} is not an option.") from None
    return rule


def _set(rule: Rule, key: str, value: str) -> None:
    if key == "times" and int(value) > 0:
        rule.times = int(value)
    elif key == "rate" and 0 <= float(value) <= 1:
        rule.rate = float(value)
    elif key == "method" and rule.kind in OF_METHODS and value:
        rule.subject = value
    elif key == "token" and rule.kind not in OF_METHODS and (token := find_token(value)):
        rule.subject = token.mint
    else:
        raise ValueError
