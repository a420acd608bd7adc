"""Faults by setting: what goes wrong in the simulated world, how often, and for which orders.

SIM_FAULTS is a list of rules separated by `;`, each `KIND [venue=raydium] [token=COPE] [times=2] [rate=0.1]`:

    quote-timeout   the venue takes too long to quote
    quote-error     the venue answers with an error
    send-dropped    `send` returns a signature, and nothing will land
    reply-lost      the transaction lands, but `send` raises TimeoutError
    slippage        the swap fails on chain with SLIPPAGE_EXCEEDED

`venue` and `token` (sold or bought) narrow a rule. `rate` makes it strike by chance. `times=N` makes it
strike the first N times for each subject (venue, pair and amount of a quote; the memo of a transaction),
counted for all processes together. Without either it always strikes. A transaction that is sent again may
be dropped again, but it is the same swap: `slippage` counts it once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from ..domain.tokens import Token
from .fault_rules import Kind, Rule

Count = Callable[[str, str, str | None], Awaitable[int]]
"""`await count(rule, subject, occasion)`: how often they have met, this time included, in any process.

An occasion that has a name and comes twice running is counted once.
"""


class Faults:
    """Asks the rules, in their order, whether something goes wrong; without rules there is no look-up."""

    def __init__(self, rules: tuple[Rule, ...], count: Count, random: Random) -> None:
        self._rules = rules
        self._count = count
        self._random = random

    async def strike(
        self,
        kind: Kind,
        venue: str,
        token_in: Token,
        token_out: Token,
        subject: str,
        occasion: str | None = None,
    ) -> bool:
        """Whether `kind` happens to `subject` on this occasion. Raises what `count` raises."""
        for rule in self._rules:
            if not rule.concerns(kind, venue, token_in, token_out):
                continue
            if await self._strikes(rule, subject, occasion):
                return True
        return False

    async def _strikes(self, rule: Rule, subject: str, occasion: str | None) -> bool:
        if rule.rate is not None and self._random.random() >= rule.rate:
            return False
        return rule.times is None or await self._count(rule.text, subject, occasion) <= rule.times
