"""Ids of orders, from text. A module of its own, so that a worker need not import how requests are parsed."""

from __future__ import annotations

import re

from ...domain.errors import InvalidRequest

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def order_id(text: object) -> str:
    """An order id in its canonical form. Raises InvalidRequest (INVALID_ORDER_ID)."""
    if isinstance(text, str) and _UUID.fullmatch(text):
        return text.lower()
    raise InvalidRequest("An order id is a UUID, as the submit answered.", code="INVALID_ORDER_ID")
