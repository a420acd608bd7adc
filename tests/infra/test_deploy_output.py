"""What `deploy` prints is true: numbers, addresses, links, and what it still needs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

import infra.deploy
from infra.__main__ import cli
from infra.aws import connect
from infra.conditions import left_out
from infra.first_key import read_first_key
from infra.package import TEMPLATES, Package
from infra.stacks import Stacks
from local.emulator import Cloud


@pytest.fixture(scope="module")
def quick(package: Package) -> Iterator[None]:
    """The package is built once, and its templates are validated elsewhere."""

    def build(folder: Path, *, world: str) -> Package:
        copies = {path: folder / path.name for path in (package.zip, package.template)}
        for path, copy in copies.items():
            shutil.copy(path, copy)
        return replace(package, zip=copies[package.zip], template=copies[package.template])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infra.deploy, "build", build)
        patch.setattr(infra.deploy, "validate", lambda paths, regions: [])
        yield


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def first(cloud: Cloud, quick: None) -> Result:
    """The first deployment into the emulator."""
    done = CliRunner().invoke(cli, ["deploy", *cloud.deployment, "--set=SimLatency=0", "--no-smoke"])
    assert done.exit_code == 0, done.output
    return done


def test_only_resources_that_exist_are_counted(first: Result, cloud: Cloud) -> None:
    stacks = Stacks(connect(None, None, cloud.emulator.url))
    bucket, engine = (len(stacks.resources(f"order-engine-local{part}")) for part in ("-artifacts", ""))
    engine -= 1  # InVpcPolicy, which the emulator makes although its condition does not hold
    assert re.findall(r"(\d+) resources? to create", first.output) == [str(bucket), str(engine)]
    assert re.findall(r"(\d+) resources? created", first.output) == [str(engine)]


def test_a_resource_is_left_out_by_its_condition() -> None:
    text = (TEMPLATES / "network.yaml").read_text()
    two = left_out(text, {"Zones": "2", "Nat": "per-az"})
    three = left_out(text, {"Zones": "3", "Nat": "per-az"})
    assert two > three
    assert {"NatB", "NatC"} & two == {"NatC"}
    engine = (TEMPLATES / "engine.yaml").read_text()
    assert "InVpcPolicy" in left_out(engine, {})
    assert "InVpcPolicy" not in left_out(engine, {"SubnetIds": "subnet-1,subnet-2"})
    assert "EmulatorSocketStage" not in left_out(engine, {"EmulatorEndpoint": "http://127.0.0.1:4566"})


def test_the_printed_address_takes_orders_with_the_printed_secrets_key_only(
    first: Result, cloud: Cloud
) -> None:
    [url] = re.findall(r"curl -X POST (\S+)", first.output)
    assert url.count("/api/") == 1
    [secret] = re.findall(r"--secret-id (\S+)", first.output)
    key = read_first_key(connect(None, None, cloud.emulator.url), secret)
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(url, json=order, headers=headers, trust_env=False, timeout=60)
    assert answer.status_code == 202, answer.text
    answer = httpx.post(url, json=order, trust_env=False, timeout=60)
    assert answer.status_code == 401, answer.text


def test_nothing_of_an_emulator_is_in_awss_console(first: Result) -> None:
    assert "console.aws" not in first.output


def test_a_dry_run_asks_for_what_the_deployment_needs(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")  # and needs no account
    done = CliRunner().invoke(cli, ["deploy", "prod", "--dry-run"])
    assert done.exit_code == 2
    assert "--set AlarmEmail=…" in done.output
    done = CliRunner().invoke(cli, ["deploy", "prod", "--dry-run", "--set", "AlarmEmail=on-call@example.com"])
    assert done.exit_code == 0, done.output
    assert "Nothing was sent." in done.output
    done = CliRunner().invoke(cli, ["deploy", "dev", "--dry-run"])
    assert done.exit_code == 0, done.output


def test_a_resource_whose_condition_cannot_be_evaluated_is_counted() -> None:
    text = """
    Conditions: {Here: !Equals [!Ref AWS::Region, eu-central-1], Mapped: !Equals [!FindInMap [A, B, C], "1"]}
    Resources:
      One: {Type: AWS::SQS::Queue, Condition: Here}
      Two: {Type: AWS::SQS::Queue, Condition: Mapped}
    """
    assert left_out(text, {}) == frozenset()
