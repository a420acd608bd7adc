"""What the audit makes of the wallet's transactions, and of those that only look like it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from chalicelib.adapters.solana.audit import Audit
from chalicelib.adapters.solana.guards import Database
from chalicelib.adapters.solana.rpc import Rpc

from .test_chain import ScriptedRpc

WALLET, STRANGER = "wallet", "stranger"
ORDERS = {
    "failed": "0d5e3b52-0c0e-4f0b-9f0e-3a4de2a1c0aa",
    "open": "1d5e3b52-0c0e-4f0b-9f0e-3a4de2a1c0aa",
    "confirmed": "2d5e3b52-0c0e-4f0b-9f0e-3a4de2a1c0aa",
}


class Orders:
    """One order of each status, and how far the audit has come."""

    def __init__(self) -> None:
        self.audited: str | None = None

    async def run(self, name: str, **columns: Any) -> list[dict[str, Any]]:
        if name == "read_wallets":
            return [{"address": WALLET, "audited": self.audited}]
        if name == "set_audited":
            self.audited = columns["audited"]
            return []
        assert name == "compare_landed"
        statuses = {order_id: status for status, order_id in ORDERS.items()}
        return [
            {
                "id": order_id,
                "signature": signature,
                "has_ended": statuses[order_id] != "open",
                "is_right": statuses[order_id] == "confirmed" and signature == "right",
            }
            for order_id, signature in zip(columns["order_ids"], columns["signatures"], strict=True)
        ]


def audit(orders: Orders, *landed: tuple[str, str], signer: str) -> Audit:
    """Of transactions, the oldest first, each a signature and the status of the order that it names."""
    entries = [
        {"signature": signature, "err": None, "memo": f"[36] {ORDERS[status]}"}
        for signature, status in landed
    ]
    message = {"accountKeys": [signer, WALLET, "program"], "header": {"numRequiredSignatures": 1}}
    rpc = ScriptedRpc(
        getSignaturesForAddress=entries[::-1], getTransaction={"transaction": {"message": message}}
    )
    return Audit(cast(Database, orders), cast(Rpc, rpc))


async def test_a_swap_of_an_order_that_has_another_or_none_is_found() -> None:
    orders = Orders()
    landed = ("right", "confirmed"), ("second", "confirmed"), ("late", "failed")
    found = await audit(orders, *landed, signer=WALLET).run()
    assert found == [ORDERS["confirmed"], ORDERS["failed"]]
    assert orders.audited == "late"


async def test_it_stops_at_an_order_that_is_under_way() -> None:
    orders = Orders()
    found = await audit(
        orders, ("right", "confirmed"), ("now", "open"), ("late", "failed"), signer=WALLET
    ).run()
    assert (found, orders.audited) == ([], "right")


@pytest.mark.parametrize("status", ["failed", "open", "confirmed"])
async def test_what_a_stranger_signs_is_no_swap_and_stops_nothing(status: str) -> None:
    orders = Orders()
    assert await audit(orders, ("theirs", status), signer=STRANGER).run() == []
    assert orders.audited == "theirs"


@pytest.mark.parametrize("answer", [7, [{}], [None]])
async def test_an_answer_of_another_form_ends_the_pass(answer: object) -> None:
    rpc = ScriptedRpc(getSignaturesForAddress=answer)
    assert await Audit(cast(Database, Orders()), cast(Rpc, rpc)).run() == []
