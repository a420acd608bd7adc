"""Least privilege: a function's role allows what its code calls, what Lambda does for it, and no more."""

from __future__ import annotations

import ast
import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
from botocore import xform_name
from botocore.session import get_session
from chalicelib.adapters.aws.secrets import Credentials
from chalicelib.adapters.postgres import serving_role
from chalicelib.config import Config
from chalicelib.migrations import migrate
from psycopg.conninfo import conninfo_to_dict

from infra.package import FUNCTIONS
from local.endpoints import local_credentials
from local.services import Endpoints
from tests.databases import new_database
from tests.infra.conftest import ON_SOLANA, Deployed
from tests.infra.function_calls import FunctionCalls
from tests.infra.recorder import Permission, Recorder
from tests.infra.resolved import Resolved

NAMES = [
    "APIHandler",
    "ProcessOrder",
    "WebsocketConnect",
    "WebsocketMessage",
    "WebsocketDisconnect",
    "Relay",
    "KeepRelays",
    "FireOrders",
    "Sweep",
    "Migrate",
    "Admin",
]

# What Lambda itself does under a function's role.
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")  # with the group, which is there before the function
POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")  # the event source mapping
INTERFACES = (  # to attach it to its subnets
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


def lambdas_own(function: str) -> set[Permission]:
    found = {Permission(action, f"{function}Log.Arn") for action in LOGS}
    if function == "ProcessOrder":
        found |= {Permission(action, "OrdersQueue.Arn") for action in POLLING}
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(engine: Resolved, function: str) -> list[dict[str, Any]]:
    """Those of the function's role."""
    return [
        statement
        for policy in engine[f"{function}Role"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def allowed(engine: Resolved, function: str) -> list[Permission]:
    found = statements(engine, function)
    assert all(statement["Effect"] == "Allow" for statement in found)
    return [
        Permission(action, resource)
        for statement in found
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


# --- The code's calls ---


@pytest.fixture(scope="module")
def queues(services: Endpoints) -> Iterator[list[str]]:
    """Two queues for these tests alone."""
    sqs = boto3.client("sqs", endpoint_url=services.aws_endpoint_url, **keys())
    urls = [sqs.create_queue(QueueName=f"policies-{uuid.uuid4().hex}")["QueueUrl"] for _ in range(2)]
    yield urls
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def keys() -> dict[str, Any]:
    given = local_credentials({})
    return {
        "region_name": given["AWS_DEFAULT_REGION"],
        "aws_access_key_id": given["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": given["AWS_SECRET_ACCESS_KEY"],
    }


@pytest.fixture(scope="module")
def url(services: Endpoints) -> Iterator[str]:
    """A database for these tests alone: a scheduled function works on whatever orders are there."""
    with new_database(services.database_url) as url:
        migrate(url)
        yield url


@pytest.fixture(scope="module")
def role(url: str) -> Iterator[Credentials]:
    """The role that all functions but Migrate are, and so may do there what they do."""
    given = Credentials(f"role_{uuid.uuid4().hex[:12]}", uuid.uuid4().hex)
    with psycopg.connect(url, autocommit=True) as owner:
        with owner.transaction():
            serving_role.prepare(owner, given)
        yield given
        owner.execute(f"DROP OWNED BY {given.username}; DROP ROLE {given.username}".encode())


@pytest.fixture(scope="module")
def config(engine: Resolved, url: str, services: Endpoints, queues: list[str]) -> Config:
    """A deployed function's settings, with servers that are there; passwords are in secrets."""
    environment = engine.shared["Environment"]["Variables"]
    deployed = Config.load({name: str(value) for name, value in environment.items()})
    there = conninfo_to_dict(url)
    orders, dead = queues
    return replace(
        deployed,
        database_url=f"postgresql://{there['host']}:{there['port']}/{there['dbname']}",
        # a database that no other test looks into
        redis_url=f"redis://127.0.0.1:{urlsplit(services.redis_url).port}/9",
        aws_endpoint_url=services.aws_endpoint_url,
        orders_queue_url=orders,
        orders_dlq_url=dead,
        sweep_after_ms=100,
        trigger_seconds=0.0,
        trigger_shards=2,  # so that the first run starts another
        sim_latency=0.0,
    )


@pytest.fixture(scope="module")
def recorder(config: Config, url: str, role: Credentials, services: Endpoints) -> Recorder:
    redis = urlsplit(services.redis_url)
    there: dict[str, Any] = conninfo_to_dict(url)
    secrets: dict[str, dict[str, str] | None] = {
        config.database_secret: {"username": there["user"], "password": there.get("password", "")},
        config.database_role_secret: {"username": role.username, "password": role.password},
        config.redis_secret: {"username": redis.username or "default", "password": redis.password or ""},
        config.key_pepper_secret: {"username": "keys", "password": "p" * 64},
        config.admin_key_secret: None,
    }
    return Recorder(
        {config.orders_queue_url: "OrdersQueue.Arn", config.orders_dlq_url: "OrdersDlq.Arn"}, secrets
    )


@pytest.fixture(scope="module")
def needed(config: Config, recorder: Recorder) -> dict[str, set[Permission]]:
    """What each function needs for what it calls, by having it call it."""
    own = boto3.client("sqs", endpoint_url=config.aws_endpoint_url, **keys())  # its calls are not recorded
    with recorder.recording(local_credentials({})):
        return asyncio.run(FunctionCalls(config, recorder, own).all())


@pytest.mark.parametrize("function", NAMES)
def test_a_role_allows_what_its_function_calls_and_nothing_more(
    engine: Resolved, needed: dict[str, set[Permission]], function: str
) -> None:
    granted = allowed(engine, function)
    assert len(granted) == len(set(granted))
    assert sorted(granted) == sorted(needed[function] | lambdas_own(function))


def test_every_call_in_the_code_was_recorded(needed: dict[str, set[Permission]], recorder: Recorder) -> None:
    """By name: every attribute with the name of an operation of a service that the code has a client of."""
    trees = [ast.parse(path.read_text()) for path in FUNCTIONS.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    clients = {
        ast.literal_eval(node.args[0])
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "aws.connect"
    }
    assert clients == {"sqs", "lambda", "secretsmanager"}
    operations = {
        xform_name(operation): operation
        for client in clients
        for operation in get_session().get_service_model(client).operation_names
    }
    named = {
        operations[node.attr] for node in nodes if isinstance(node, ast.Attribute) and node.attr in operations
    }
    assert named == recorder.operations


def test_the_code_calls_aws_only_through_clients(recorder: Recorder) -> None:
    """No resource, session, waiter or paginator, whose calls the recorder could not name."""
    used = []
    for path in FUNCTIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used += [(path.name, node.attr)] if node.value.id in ("boto3", "botocore") else []
            assert not (isinstance(node, ast.Attribute) and node.attr in ("get_waiter", "get_paginator"))
    assert set(used) == {("clients.py", "session")}


# --- The roles ---


def test_every_function_is_checked(engine: Resolved, needed: dict[str, set[Permission]]) -> None:
    assert sorted(engine.of_type("Serverless::Function")) == sorted(NAMES) == sorted(needed)


def test_no_two_functions_share_a_role(engine: Resolved) -> None:
    roles = [function["Role"] for function in engine.of_type("Serverless::Function").values()]
    assert sorted(roles) == sorted(f"{name}.Arn" for name in engine.of_type("IAM::Role"))


def test_only_lambda_takes_a_role(engine: Resolved) -> None:
    for role in engine.of_type("IAM::Role").values():
        assert role["AssumeRolePolicyDocument"]["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]


@pytest.mark.parametrize("function", NAMES)
def test_no_role_has_a_wildcard_except_for_connections_whose_ids_are_unknown(
    engine: Resolved, function: str
) -> None:
    for action, resource in allowed(engine, function):
        assert "*" not in action
        assert "*" not in resource.removesuffix("/@connections/*")


def readers(engine: Resolved) -> dict[str, list[str]]:
    """Who may read each secret."""
    found: dict[str, list[str]] = {}
    for name in NAMES:
        for action, resource in allowed(engine, name):
            if action == "secretsmanager:GetSecretValue":
                found.setdefault(resource, []).append(name)
    return found


SERVES_ORDERS = [name for name in NAMES if name not in ("WebsocketDisconnect", "KeepRelays", "Migrate")]


def test_only_the_function_that_migrates_may_read_the_owners_password(deployed: Deployed) -> None:
    found = readers(deployed())
    assert found["DATABASE-SECRET"] == ["Migrate"]
    assert sorted(found["DATABASE-ROLE-SECRET"]) == sorted([*SERVES_ORDERS, "Migrate"])


def test_until_the_role_is_there_only_the_function_that_makes_it_may_read_its_password(
    deployed: Deployed,
) -> None:
    found = readers(deployed(DatabaseLogin="owner"))
    assert found["DATABASE-ROLE-SECRET"] == ["Migrate"]
    assert sorted(found["DATABASE-SECRET"]) == sorted([*SERVES_ORDERS, "Migrate"])


@pytest.mark.parametrize("login", ["owner", "role"])
def test_without_a_role_all_are_the_owner(deployed: Deployed, login: str) -> None:
    found = readers(deployed(DatabaseRoleSecretArn="", DatabaseLogin=login))
    assert sorted(found["DATABASE-SECRET"]) == sorted([*SERVES_ORDERS, "Migrate"])
    assert "DATABASE-ROLE-SECRET" not in found


def test_without_passwords_no_role_may_read_one(deployed: Deployed) -> None:
    nothing = {"DatabaseSecretArn": "", "DatabaseRoleSecretArn": "", "RedisSecretArn": ""}
    assert readers(deployed(**nothing)).keys() == {"KeyPepper", "AdminKey"}


def test_only_the_function_that_makes_the_first_key_may_read_or_write_it(engine: Resolved) -> None:
    assert readers(engine)["AdminKey"] == ["Admin"]
    writers = [name for name in NAMES if "secretsmanager:PutSecretValue" in dict(allowed(engine, name))]
    assert writers == ["Admin"]


def test_only_functions_that_take_or_make_keys_and_tickets_may_read_the_pepper(deployed: Deployed) -> None:
    mine = "arn:aws:secretsmanager:us-east-1:000000000000:secret:mine"
    who = ["APIHandler", "WebsocketConnect", "Admin"]
    assert readers(deployed())["KeyPepper"] == who
    assert readers(deployed(KeyPepperSecretArn=mine))[mine] == who


def test_on_solana_only_functions_that_sign_or_quote_may_read_the_keys_for_that(
    deployed: Deployed, on_solana: Resolved
) -> None:
    """And nothing else is allowed there."""
    simulated = deployed()
    more = {name: {*allowed(on_solana, name)} - {*allowed(simulated, name)} for name in NAMES}
    wallet, jupiter = (
        Permission("secretsmanager:GetSecretValue", secret) for secret in ("SOLANA-KEY", "JUPITER-KEY")
    )
    assert {name: found for name, found in more.items() if found} == {
        "APIHandler": {jupiter},
        "ProcessOrder": {jupiter, wallet},
        "FireOrders": {jupiter},
    }
    assert not any({*allowed(simulated, name)} - {*allowed(on_solana, name)} for name in NAMES)


def test_only_on_solana_may_a_function_read_the_wallets_key(deployed: Deployed) -> None:
    assert not {"SOLANA-KEY", "JUPITER-KEY"} & readers(deployed(**ON_SOLANA | {"World": "simulated"})).keys()
    without = readers(deployed(**ON_SOLANA | {"JupiterApiKeySecretArn": ""}))
    assert "SOLANA-KEY" in without
    assert "" not in without


def test_a_customer_key_decrypts_secrets_and_nothing_else(deployed: Deployed) -> None:
    key = "arn:aws:kms:us-east-1:000000000000:key/mine"
    engine = deployed(SecretsKeyArn=key)
    roles = engine.of_type("IAM::Role").values()
    assert all(role["ManagedPolicyArns"] == ["InVpcPolicy", "SecretsKeyPolicy"] for role in roles)
    [statement] = engine["SecretsKeyPolicy"]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", key)
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.REGION.amazonaws.com"}
    }


def test_lambda_may_create_a_functions_interfaces_and_the_function_may_not(engine: Resolved) -> None:
    """EC2 takes these actions on all resources or on none; the functions' own code is denied them."""
    assert all(role["ManagedPolicyArns"] == ["InVpcPolicy"] for role in engine.of_type("IAM::Role").values())
    allow, deny = engine["InVpcPolicy"]["PolicyDocument"]["Statement"]
    assert allow == {"Effect": "Allow", "Action": [*INTERFACES], "Resource": "*"}
    assert deny["Effect"] == "Deny"
    assert deny["Action"] == [*INTERFACES]
    assert deny["Condition"] == {
        "ArnLike": {"lambda:SourceFunctionArn": "arn:aws:lambda:REGION:ACCOUNT:function:stack-*"}
    }


def test_without_a_vpc_no_role_may_create_interfaces(deployed: Deployed) -> None:
    engine = deployed(SubnetIds="", SecurityGroupIds="")
    assert not engine.of_type("IAM::ManagedPolicy")
    assert all(role["ManagedPolicyArns"] == [] for role in engine.of_type("IAM::Role").values())
