"""A CloudFormation template under given parameters: what it would create, with its intrinsics worked out.

`Ref` and `GetAtt` of a resource stay as text (`NatA`, `NatA.Arn`), so that tests can compare who names whom.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from infra.package import ENGINE, TEMPLATES
from infra.template import parse

SEPARATE = [path for path in TEMPLATES.iterdir() if path != ENGINE]  # those that Chalice does not merge
GONE = object()  # AWS::NoValue
PSEUDO = {
    "AWS::NoValue": GONE,
    "AWS::StackName": "stack",
    "AWS::Region": "REGION",
    "AWS::AccountId": "ACCOUNT",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


def load(name: str) -> dict[str, Any]:
    """The template as it is written."""
    return parse((TEMPLATES / name).read_text())


class Resolved:
    """A template, or the one of that name, with `given` for its parameters and defaults for the rest."""

    def __init__(self, template: str | dict[str, Any], **given: Any) -> None:
        self.template = load(template) if isinstance(template, str) else template
        parameters = self.template["Parameters"]
        assert given.keys() <= parameters.keys()
        self._values = {key: given.get(key, item.get("Default")) for key, item in parameters.items()}
        for key, item in parameters.items():
            if "List" in item["Type"] and isinstance(self._values[key], str):
                self._values[key] = self._values[key].split(",")
        self.resources: dict[str, dict[str, Any]] = {
            key: self._work_out(item)
            for key, item in self.template["Resources"].items()
            if "Condition" not in item or self._holds(item["Condition"])
        }
        self.shared: dict[str, Any] = self._work_out(self.template.get("Globals", {}).get("Function", {}))
        """What SAM gives to every function."""
        self.outputs: dict[str, str] = {
            key: self._work_out(item["Value"]) for key, item in self.template["Outputs"].items()
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of the resources of a type, by their logical ids."""
        return {
            key: item["Properties"] for key, item in self.resources.items() if item["Type"] == f"AWS::{kind}"
        }

    def refused(self) -> list[str]:
        """Why CloudFormation would refuse the parameters, by the template's rules."""
        return [
            assertion["AssertDescription"]
            for rule in self.template.get("Rules", {}).values()
            if self._work_out(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._work_out(assertion["Assert"])
        ]

    def __getitem__(self, logical_id: str) -> dict[str, Any]:
        return self.resources[logical_id]["Properties"]

    def _holds(self, condition: str) -> bool:
        return self._work_out(self.template["Conditions"][condition])

    def _work_out(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for each in value if (item := self._work_out(each)) is not GONE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name == "Condition" and isinstance(argument, str):
                return self._holds(argument)
            if name.startswith("Fn::"):
                return self._intrinsic(name[4:], argument)
        return {key: item for key, each in value.items() if (item := self._work_out(each)) is not GONE}

    def _ref(self, name: str) -> Any:
        return PSEUDO[name] if name in PSEUDO else self._values.get(name, name)

    def _intrinsic(self, name: str, argument: Any) -> Any:
        if name == "If":
            condition, yes, no = argument
            return self._work_out(yes if self._holds(condition) else no)
        if name == "Sub":
            return self._sub(*([argument, {}] if isinstance(argument, str) else argument))
        if name == "GetAZs":
            return ["zone-1", "zone-2", "zone-3", "zone-4"]
        values = self._work_out(argument)
        match name:
            case "GetAtt":
                return ".".join(values)
            case "Equals":
                return str(values[0]) == str(values[1])
            case "Not":
                return not values[0]
            case "And":
                return all(values)
            case "Select":
                return values[1][int(values[0])]
            case "Split":
                return values[1].split(values[0])
            case "Join":
                return values[0].join(values[1])
            case "Cidr":
                block, count, bits = values
                subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
                return [str(next(subnets)) for _ in range(int(count))]
        raise NotImplementedError(name)

    def _sub(self, text: str, more: dict[str, Any]) -> str:
        known = {key: self._work_out(item) for key, item in more.items()}
        return re.sub(r"\$\{([\w:.]+)\}", lambda hit: str(known.get(hit[1], self._ref(hit[1]))), text)
