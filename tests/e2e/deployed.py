"""The engine as `./infra/deploy` brings it into the emulator: the package, its template, its functions.

Nothing of it runs in our processes. What Lambda would start, the emulator starts, each a process of its own
that sees the package and Lambda's runtime; so how many calls go on at once is bounded by the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import boto3

from local import ROOT
from local.emulator import Cloud
from local.endpoints import local_credentials
from local.triggers.schedule import schedule_event
from tests.e2e.engine import SETTINGS, Engine

STACK = "order-engine-local"
CALLS_AT_ONCE = 4
DEPLOYS_WITHIN_S = 240.0

PARAMETERS = {
    "SimFaults": SETTINGS["SIM_FAULTS"],
    "SimLatency": SETTINGS["SIM_LATENCY"],
    "RateLimitPerS": "0",  # all tests are one account
    "LeaseMs": "3000",
    "SweepAfterMs": "20000",
    "RelaySeconds": SETTINGS["RELAY_SECONDS"],
}


class Deployment:
    """A cloud of its own with the engine in it; as a context manager it starts, deploys, and cleans up."""

    def __init__(self, parameters: Mapping[str, str] = PARAMETERS) -> None:
        self.cloud = Cloud()
        self.parameters = dict(parameters)
        self.said = ""

    def deploy(self, **changes: str) -> Engine:
        """Run `./infra/deploy local`, with changed parameters, and await the engine that it leaves."""
        self.parameters |= changes
        chosen = [f"--set={name}={value}" for name, value in self.parameters.items()]
        done = self.infra("deploy", *self.cloud.deployment, *chosen)
        assert done.returncode == 0, done.stdout + done.stderr + self.log
        self.said = done.stdout
        # The template says so as well, but the emulator's CloudFormation does not pass it on.
        self.client("lambda").put_function_recursion_config(
            FunctionName=f"{STACK}-relay", RecursiveLoop="Allow"
        )
        self.start("fire-orders", schedule_event("fire_orders"))  # else with the minute's schedule
        return self.engine

    def infra(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `./infra/COMMAND`."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "infra", command, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEPLOYS_WITHIN_S,
        )

    @property
    def engine(self) -> Engine:
        """Where the deployed engine is reached, and with which key, as the stack's outputs say."""
        found = self.stack()["Outputs"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found}
        return Engine(
            outputs["HttpUrl"],
            outputs["WebSocketUrl"],
            self.cloud.postgres.url,
            outputs["OrdersQueueUrl"],
            outputs["OrdersDlqUrl"],
            self.cloud.valkey.url,
            calls_at_once=CALLS_AT_ONCE,
            api_key=self.client("secretsmanager").get_secret_value(SecretId=outputs["AdminKeySecretArn"])[
                "SecretString"
            ],
        )

    @property
    def log(self) -> str:
        """What the emulator has said."""
        return self.cloud.emulator.log.read_text()

    def stack(self) -> dict[str, Any]:
        """The engine's stack."""
        [stack] = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return dict(stack)

    def client(self, service: str) -> Any:
        """A client of one of the emulator's services."""
        environ = local_credentials(os.environ)
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.cloud.emulator.url,
            region_name=environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )

    def invoke(self, function: str, event: object) -> Any:
        """What a function of the stack answers."""
        answer = self.client("lambda").invoke(
            FunctionName=f"{STACK}-{function}", Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read())

    def start(self, function: str, event: object) -> None:
        """Have a function of the stack run, and do not wait for it."""
        self.client("lambda").invoke(
            FunctionName=f"{STACK}-{function}", InvocationType="Event", Payload=json.dumps(event).encode()
        )

    def __enter__(self) -> Deployment:
        self.cloud.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self.cloud.stop()
