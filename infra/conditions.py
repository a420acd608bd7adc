"""Which resources of a template its conditions leave out: an emulator's change sets count them, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .template import parse


def left_out(text: str, values: Mapping[str, str]) -> frozenset[str]:
    """The logical ids of resources whose condition does not hold under these values of the parameters."""
    body = parse(text)
    defaults = {name: found.get("Default", "") for name, found in body.get("Parameters", {}).items()}
    conditions = Conditions(body.get("Conditions", {}), {**defaults, **values})
    return frozenset(
        name
        for name, resource in body["Resources"].items()
        if "Condition" in resource and not conditions.holds(resource["Condition"])
    )


class Conditions:
    """The conditions of a template under given parameters."""

    def __init__(self, conditions: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self._conditions = conditions
        self._parameters = parameters

    def holds(self, name: str) -> bool:
        """Whether a condition holds, or cannot be evaluated here: only a count depends on it."""
        try:
            return bool(self.value({"Condition": name}))
        except LookupError:
            return True

    def value(self, of: Any) -> Any:
        """The value of a condition, or of a part of one. Raises LookupError if it is not known here."""
        if isinstance(of, list):
            return [self.value(item) for item in of]
        if not isinstance(of, dict):
            return of
        [(name, given)] = of.items()
        match name:
            case "Ref":
                return self._parameters[given]
            case "Condition":
                return self.value(self._conditions[given])
            case "Fn::Equals":
                one, other = self.value(given)
                return str(one) == str(other)
            case "Fn::Not":
                return not self.value(given[0])
            case "Fn::And":
                return all(self.value(given))
            case "Fn::Or":
                return any(self.value(given))
            case "Fn::Join":  # of a list of parameters, whose value is a text with commas
                separator, items = given
                return separator.join(str(self.value(items)).split(","))
        raise LookupError(name)
