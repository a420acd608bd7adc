"""A number that the template and the engine both have is the same number."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from chalicelib.config import Config

from tests.infra.resolved import Resolved, load

TEMPLATE = load("engine.yaml")
VARIABLES: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]


def parameter(variable: Any) -> str | None:
    """The parameter that sets a variable, always or on a condition."""
    if not isinstance(variable, dict):
        return None
    value = variable["Fn::If"][1] if "Fn::If" in variable else variable
    name = value.get("Ref") if isinstance(value, dict) else None
    return name if name in TEMPLATE["Parameters"] else None


BOUND = {  # settings that a parameter of the stack sets, by parameter
    name: item for item in fields(Config) if (name := parameter(VARIABLES.get(item.name.upper())))
}
OTHERWISE_ON_LAMBDA = {"DatabaseConnections"}  # one order in an environment needs fewer than ten in a process


def test_the_stack_sets_the_number_of_attempts() -> None:
    assert BOUND["MaxAttempts"].name == "max_attempts"


@pytest.mark.parametrize("name", BOUND)
def test_a_parameter_has_the_default_and_no_wider_range_than_its_setting(name: str) -> None:
    given, item = TEMPLATE["Parameters"][name], BOUND[name]
    if "Default" in given and name not in OTHERWISE_ON_LAMBDA:
        default: Any = item.default
        assert type(default)(given["Default"]) == default
    for least in (given.get("MinValue"), item.metadata["least"]):
        assert least is None or given["MinValue"] >= least
    most = item.metadata["most"]
    assert most is None or given["MaxValue"] <= most
    choices = item.metadata["choices"]
    assert not choices or {*given["AllowedValues"]} <= {*choices}


@pytest.mark.parametrize("attempts", [1, 3, 10])
def test_the_queue_receives_a_message_as_often_as_an_order_is_attempted(attempts: int) -> None:
    engine = Resolved("engine.yaml", MaxAttempts=attempts)
    assert engine["OrdersQueue"]["RedrivePolicy"]["maxReceiveCount"] == attempts
