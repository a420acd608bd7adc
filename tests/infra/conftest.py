"""The engine as it would be deployed: packaged once; its template as AWS and an emulator resolve it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from infra.package import Package, build, functions
from tests.infra.resolved import Resolved

ON_AWS = {
    "DatabaseUrl": "postgresql://database:5432/orders?sslmode=verify-full&sslrootcert=system",
    "DatabaseSecretArn": "DATABASE-SECRET",
    "DatabaseRoleSecretArn": "DATABASE-ROLE-SECRET",
    "DatabaseLogin": "role",
    "RedisUrl": "rediss://redis:6379/0",
    "RedisSecretArn": "REDIS-SECRET",
    "SubnetIds": "subnet-a,subnet-b",
    "SecurityGroupIds": "functions",
    "AlarmEmail": "someone@example.com",
}

ON_SOLANA = {
    "World": "solana",
    "SolanaCluster": "devnet",
    "SolanaRpcUrls": "https://rpc.example/?api-key=1",
    "SolanaKeySecretArn": "SOLANA-KEY",
    "JupiterApiKeySecretArn": "JUPITER-KEY",
}

Deployed = Callable[..., Resolved]


class NoManagedPolicies:
    """SAM's source of managed policies by name; the template names none."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """What `chalice package` writes, merged with engine.yaml; it downloads what the functions ship with."""
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def merged(package: Package) -> dict[str, Any]:
    return package.load()


@pytest.fixture(scope="session")
def deployed(merged: dict[str, Any]) -> Deployed:
    """`deployed(Name=value, …)`: the engine on AWS, with these parameters."""
    return lambda **given: Resolved(merged, **ON_AWS | given)


@pytest.fixture(scope="session")
def engine(deployed: Deployed) -> Resolved:
    return deployed()


@pytest.fixture(scope="session")
def on_solana(deployed: Deployed) -> Resolved:
    return deployed(**ON_SOLANA)


@pytest.fixture(scope="session")
def emulated(deployed: Deployed) -> Resolved:
    return deployed(EmulatorEndpoint="http://127.0.0.1:4566")


@pytest.fixture(scope="session")
def transformed(merged: dict[str, Any]) -> dict[str, Any]:
    """The template that CloudFormation works on: after the SAM transform."""
    template = deepcopy(merged)
    for function in functions(template):
        function["CodeUri"] = "s3://artifacts/deployment.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        found: dict[str, Any] = transform(template, {}, NoManagedPolicies())
    return found


@pytest.fixture(scope="session")
def expanded(transformed: dict[str, Any]) -> Resolved:
    """The same, on AWS."""
    return Resolved(transformed, **ON_AWS)
