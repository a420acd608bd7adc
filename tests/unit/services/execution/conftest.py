"""Short polls of the chain."""

from __future__ import annotations

import pytest
from chalicelib.services.execution import settlement


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "FIRST_POLL_S", 0.0005)
    monkeypatch.setattr(settlement, "LONGEST_POLL_S", 0.001)
    monkeypatch.setattr(settlement, "RESEND_S", 0.001)
