"""The cost sums of infra/README.md, calculated again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infra.package import FUNCTIONS
from tests.infra.resolved import Resolved, load

STAGES = Path(__file__).parents[2] / "infra" / "stages"
HOURS = 730
GB_SECOND = 16.67e-6  # of Lambda, $
METRICS = 7  # that the functions write
TRIGGER_SECONDS = load("engine.yaml")["Parameters"]["TriggerSeconds"]["Default"]
ONE_PASS_S = 0.5  # at the simulated venues' own latency
NODE_HOUR = {"cache.t4g.micro": 0.0128, "cache.t4g.small": 0.0256}
FROM_NETWORK = {"VpcId": "vpc", "SubnetIds": "subnet-a,subnet-b", "SecurityGroupIds": "functions"}
README = (Path(__file__).parents[2] / "infra" / "README.md").read_text()
FRONT = Path(__file__).parents[2] / "README.md"


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its two head lines."""
    section = README.partition(f"### {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    return [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


def test_the_cost_of_a_million_orders_is_the_sum_of_its_parts() -> None:
    *parts, total = rows("A million orders")
    for service, per_order, _, price, cost in parts:
        assert float(cost) == pytest.approx(float(per_order.split()[0]) * float(price), abs=0.0051), service
    assert float(total[-1]) == pytest.approx(sum(float(part[-1]) for part in parts))


@pytest.mark.parametrize("column", [1, 2], ids=["dev", "prod"])
def test_the_cost_of_a_month_is_the_sum_of_its_parts(column: int) -> None:
    *parts, total = rows("A month, whether orders come or not")
    assert float(total[column]) == pytest.approx(sum(float(part[column]) for part in parts))


def test_the_front_readme_shows_the_same_sums() -> None:
    (*_, million), (_, dev, prod, _) = (
        rows("A million orders")[-1],
        rows("A month, whether orders come or not")[-1],
    )
    front = FRONT.read_text()
    assert f"${float(million):.0f} a million orders" in front
    assert f"${float(dev):.0f} (`dev`) or ${float(prod):.0f} (`prod`) a month" in front


@pytest.mark.parametrize(("column", "name"), [(1, "dev"), (2, "prod")])
def test_the_cost_of_a_month_counts_what_the_stage_creates(engine: Resolved, column: int, name: str) -> None:
    stage = json.loads((STAGES / f"{name}.json").read_text())
    network = Resolved("network.yaml", **stage["network"])
    tier = Resolved("data.yaml", **FROM_NETWORK, **stage["data"])
    scaling = tier["DatabaseCluster"]["ServerlessV2ScalingConfiguration"]
    interfaces = [
        subnet
        for endpoint in network.of_type("EC2::VPCEndpoint").values()
        for subnet in endpoint.get("SubnetIds", [])
    ]
    hourly = {
        "Aurora": 0.12 * len(tier.of_type("RDS::DBInstance")) * float(scaling["MinCapacity"]),
        "Valkey": tier["Redis"]["NumCacheClusters"] * NODE_HOUR[tier["Redis"]["CacheNodeType"]],
        "NAT gateways": 0.05 * len(network.of_type("EC2::NatGateway")),
        "Interface endpoints": 0.01 * len(interfaces),
        "Relays": 0.03 * stage["engine"]["RelayShards"],  # half a GB for 3600 s
        "Triggers": stage["engine"].get("TriggerShards", 1)
        * triggers_hour(stage["engine"].get("TriggerSeconds", TRIGGER_SECONDS)),
    }
    alarms = engine.of_type("CloudWatch::Alarm")
    fixed = {"Alarms": 0.10 * len(alarms) + 3 + 0.30 * METRICS}
    costs = {row[0]: float(row[column]) for row in rows("A month, whether orders come or not")}
    for what, price in ({what: HOURS * price for what, price in hourly.items()} | fixed).items():
        [cost] = [cost for row, cost in costs.items() if row.startswith(what)]
        assert cost == pytest.approx(price, abs=0.01), what


def triggers_hour(seconds: float) -> float:
    """What an hour of the triggers costs: a run each minute, paid for its time and its memory."""
    return 60 * seconds * memory_gb("fire_orders") * GB_SECOND


def memory_gb(function: str) -> float:
    config = json.loads((FUNCTIONS / ".chalice" / "config.json").read_text())
    [stage] = config["stages"].values()
    return float(stage["lambda_functions"][function]["lambda_memory_size"]) / 1024


@pytest.mark.parametrize("row", rows("The triggers"), ids=lambda row: row[0])
def test_the_cost_of_the_triggers_is_calculated_for_each_setting(row: list[str]) -> None:
    seconds = float(row[0].split()[0])
    assert float(row[1]) == pytest.approx(HOURS * triggers_hour(max(seconds, ONE_PASS_S)), abs=0.01)
