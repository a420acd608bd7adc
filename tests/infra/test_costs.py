"""The sums of infra/README.md, done again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "infra" / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its two head lines."""
    section = README.partition(f"### {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    return [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


def test_a_million_orders_cost_what_their_parts_do() -> None:
    *parts, total = rows("A million orders")
    for service, per_order, _, price, cost in parts:
        assert float(cost) == pytest.approx(float(per_order.split()[0]) * float(price), abs=0.0051), service
    assert float(total[-1]) == pytest.approx(sum(float(part[-1]) for part in parts))


@pytest.mark.parametrize("column", [1, 2], ids=["dev", "prod"])
def test_a_month_costs_what_its_parts_do(column: int) -> None:
    *parts, total = rows("A month, whether orders come or not")
    assert float(total[column]) == pytest.approx(sum(float(part[column]) for part in parts))
