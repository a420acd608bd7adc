"""A number that the template and the engine both have is the same number."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from chalicelib.config import Config

from tests.infra.resolved import Resolved, load

TEMPLATE = load("engine.yaml")
VARIABLES: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
BOUND = {  # settings that a parameter of the stack sets, by parameter
    value["Ref"]: item
    for item in fields(Config)
    if isinstance(value := VARIABLES.get(item.name.upper()), dict)
    and value.get("Ref") in TEMPLATE["Parameters"]
}
OTHERWISE_ON_LAMBDA = {"DatabaseConnections"}  # one order in an environment needs fewer than ten in a process


def test_the_stack_sets_the_number_of_attempts() -> None:
    assert BOUND["MaxAttempts"].name == "max_attempts"


@pytest.mark.parametrize("name", BOUND)
def test_a_parameter_has_the_default_and_no_wider_range_than_its_setting(name: str) -> None:
    parameter, item = TEMPLATE["Parameters"][name], BOUND[name]
    if "Default" in parameter and name not in OTHERWISE_ON_LAMBDA:
        default: Any = item.default
        assert type(default)(parameter["Default"]) == default
    for least in (parameter.get("MinValue"), item.metadata["least"]):
        assert least is None or parameter["MinValue"] >= least
    most = item.metadata["most"]
    assert most is None or parameter["MaxValue"] <= most


@pytest.mark.parametrize("attempts", [1, 3, 10])
def test_the_queue_receives_a_message_as_often_as_an_order_is_attempted(attempts: int) -> None:
    engine = Resolved("engine.yaml", MaxAttempts=attempts)
    assert engine["OrdersQueue"]["RedrivePolicy"]["maxReceiveCount"] == attempts
