"""The rules of SIM_FAULTS, read from their text; what they mean stands in faults.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..config import ConfigError
from ..domain.tokens import Token, all_tokens, find_token
from .market import NOISE


class Kind(StrEnum):
    """What goes wrong."""

    QUOTE_TIMEOUT = "quote-timeout"
    QUOTE_ERROR = "quote-error"
    SEND_DROPPED = "send-dropped"
    REPLY_LOST = "reply-lost"
    SLIPPAGE = "slippage"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; None where it does not say."""

    text: str
    kind: Kind
    venue: str | None = None
    token: Token | None = None
    times: int | None = None
    rate: float | None = None

    def concerns(self, kind: Kind, venue: str, token_in: Token, token_out: Token) -> bool:
        """Whether the rule speaks of this."""
        of_venue = self.venue in (None, venue)
        of_token = self.token in (None, token_in, token_out)
        return kind is self.kind and of_venue and of_token


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of SIM_FAULTS, in their order. Raises ConfigError."""
    return tuple(_rule(" ".join(part.split())) for part in text.split(";") if part.strip())


def _rule(text: str) -> Rule:
    kind, *options = text.split()
    if kind not in [*Kind]:
        raise _wrong(text, f"{kind!r} is not a fault")
    given: dict[str, object] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            raise _wrong(text, f"{option!r} is not an option")
        if name in given:
            raise _wrong(text, f"{name!r} stands there twice")
        try:
            given[name] = _OPTIONS[name](value)
        except ValueError:
            raise _wrong(text, f"{value!r} is not a {name}") from None
    return Rule(text, Kind(kind), **given)  # type: ignore[arg-type]


def _venue(text: str) -> str:
    if text not in NOISE:
        raise ValueError
    return text


def _token(text: str) -> Token:
    token = find_token(text)
    if token is None:
        raise ValueError
    return token


def _times(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _rate(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise ValueError
    return float(text)


_OPTIONS: dict[str, Callable[[str], object]] = {
    "venue": _venue,
    "token": _token,
    "times": _times,
    "rate": _rate,
}


def _wrong(rule: str, reason: str) -> ConfigError:
    return ConfigError(
        f"SIM_FAULTS: in the rule `{rule}`, {reason}. "
        "A rule is `KIND [venue=…] [token=…] [times=…] [rate=…]`, and rules are separated by `;`. "
        f"KIND: {', '.join(Kind)}; venue: {', '.join(NOISE)}; "
        f"token: {', '.join(token.symbol for token in all_tokens()[:20])}, or a mint; "
        "times: a whole number from 1; rate: from 0 to 1"
    )
