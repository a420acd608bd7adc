"""What a redrive came to: one line for each thing that happened, or one object for scripts."""

from __future__ import annotations

from collections import Counter

from chalicelib.services.redrive import Tally

from ..life import Wire


def tally_row(tally: Tally) -> Wire:
    """`{redriven, dropped, left}`, as `redrive --json` prints it."""
    failed = [{"orderId": order_id, "reason": "it failed again"} for order_id in sorted(tally.again)]
    unknown = [{"orderId": order_id, "reason": "there is no such order"} for order_id in _nowhere(tally)]
    poison = [{"messageId": letter.message_id, "reason": "poison"} for letter in tally.poison]
    return {
        "redriven": tally.redriven,
        "dropped": [{"orderId": order_id, "status": status} for order_id, status in tally.dropped.items()],
        "left": [*failed, *unknown, *poison],
    }


def summary(tally: Tally) -> str:
    """The same for people."""
    lines = [f"redriven: {_orders(len(tally.redriven))}"]
    for status, count in Counter(tally.dropped.values()).items():
        lines.append(
            f"dropped:  {_orders(count)} {'is' if count == 1 else 'are'} {status}, so the letters went"
        )
    if tally.again:
        lines.append(
            f"left:     {_orders(len(tally.again))} failed again; redrive once what is wrong is mended"
        )
    if tally.poison:
        lines.append(f"left:     {len(tally.poison)} poison; see `dlq list`, and `dlq delete MESSAGE`")
    lines += [f"left:     there is no order {order_id}" for order_id in _nowhere(tally)]
    return "\n".join(lines)


def _nowhere(tally: Tally) -> list[str]:
    """Orders that were asked for, and of which there is not even a letter."""
    return sorted(tally.unknown - {letter.order_id for letter in tally.poison})


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"
