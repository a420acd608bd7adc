"""The engine's template as merged: accepted by CloudFormation, encrypted, throttled and bounded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chalicelib.api import cors
from chalicelib.config import Config

from infra.package import ENGINE, Package
from infra.validate import validate
from tests.e2e import readme
from tests.infra.conftest import ON_AWS, ON_SOLANA, Deployed
from tests.infra.resolved import SEPARATE, Resolved, load

REGIONS = ["us-east-1", "eu-central-1"]
NAMESPACE = "OrderEngine/stack"


# --- Accepted by CloudFormation ---


def test_every_template_is_clean_in_either_region(
    package: Package, transformed: dict[str, Any], tmp_path: Path
) -> None:
    """The engine's as merged, and again after the SAM transform."""
    assert not any(item["Type"].startswith("AWS::Serverless") for item in transformed["Resources"].values())
    replaced = tmp_path / "transformed.json"
    replaced.write_text(json.dumps(transformed))
    assert validate([*SEPARATE, package.template, replaced], REGIONS) == []


def test_every_parameter_has_a_description_and_a_constraint() -> None:
    for name, parameter in load(ENGINE.name)["Parameters"].items():
        assert parameter["Description"], name
        constrained = parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue", "MinLength"}
        assert constrained or parameter["Type"] == "CommaDelimitedList" or name == "SimFaults", name
        if "AllowedPattern" in parameter:
            assert parameter["ConstraintDescription"], name
            assert re.search(parameter["AllowedPattern"], str(parameter.get("Default", ON_AWS.get(name)))), (
                name
            )


def test_every_parameter_is_in_a_group_of_the_console() -> None:
    template = load(ENGINE.name)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [name for group in groups for name in group["Parameters"]]
    assert sorted(placed) == sorted(template["Parameters"])


def test_the_engines_template_names_no_account_or_region() -> None:
    text = ENGINE.read_text()
    assert not re.search(r"\b\d{12}\b", text)
    assert not re.search(r"\b(af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d\b", text)
    assert not re.search(r"arn:aws\b", text)


# --- The queue ---


def test_the_visibility_timeout_is_six_times_the_functions_timeout(engine: Resolved) -> None:
    assert engine["OrdersQueue"]["VisibilityTimeout"] >= 6 * engine["ProcessOrder"]["Timeout"]


def test_a_message_goes_to_the_dead_letter_queue_after_three_attempts(engine: Resolved) -> None:
    assert engine["OrdersQueue"]["RedrivePolicy"] == {
        "deadLetterTargetArn": "OrdersDlq.Arn",
        "maxReceiveCount": Config().max_attempts,
    }
    name = engine["OrdersQueue"]["QueueName"]
    assert engine["OrdersDlq"]["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:REGION:ACCOUNT:{name}"],
    }


def test_dead_letters_are_retained_for_longer_than_messages(engine: Resolved) -> None:
    """The age of a dead letter counts from when its message was first sent."""
    retention = [engine[queue]["MessageRetentionPeriod"] for queue in ("OrdersQueue", "OrdersDlq")]
    assert retention == [4 * 86400, 14 * 86400]


def test_the_queue_reports_partial_failures_and_has_ten_in_flight(expanded: Resolved) -> None:
    [mapping] = expanded.of_type("Lambda::EventSourceMapping").values()
    assert mapping["EventSourceArn"] == "OrdersQueue.Arn"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_more_orders_can_be_in_flight(deployed: Deployed) -> None:
    [event] = deployed(OrdersInFlight=50)["ProcessOrder"]["Events"].values()
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 50}


# --- Functions ---


def test_every_function_has_a_role_and_a_log_of_its_own(engine: Resolved) -> None:
    for name, function in engine.of_type("Serverless::Function").items():
        assert function["Role"] == f"{name}Role.Arn"
        assert function["LoggingConfig"] == {"LogGroup": f"{name}Log"}
        assert engine[f"{name}Log"]["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


def test_lambda_does_not_retry_scheduled_functions_and_relays(
    expanded: Resolved,
) -> None:
    found = {
        item["FunctionName"]: item["MaximumRetryAttempts"]
        for item in expanded.of_type("Lambda::EventInvokeConfig").values()
    }
    assert found == {"Relay": 0, "KeepRelays": 0, "FireOrders": 0, "Sweep": 0}


def test_the_functions_that_others_start_are_named(engine: Resolved) -> None:
    environment = engine.template["Globals"]["Function"]["Environment"]["Variables"]
    assert environment["RELAY_FUNCTION"] == {"Fn::Sub": "${AWS::StackName}-relay"}
    assert engine["Relay"]["FunctionName"] == "stack-relay"
    assert environment["TRIGGER_FUNCTION"] == {"Fn::Sub": "${AWS::StackName}-fire-orders"}
    assert engine["FireOrders"]["FunctionName"] == "stack-fire-orders"
    assert engine["Relay"]["Timeout"] == 900


def variables(resolved: Resolved) -> dict[str, str]:
    """The environment of every function: none has one of its own."""
    assert not any("Environment" in item for item in resolved.of_type("Serverless::Function").values())
    return {name: str(value) for name, value in resolved.shared["Environment"]["Variables"].items()}


def test_only_relays_may_invoke_themselves_without_limit(engine: Resolved) -> None:
    functions = engine.of_type("Serverless::Function")
    assert [name for name, function in functions.items() if function.get("RecursiveLoop")] == ["Relay"]
    assert functions["Relay"]["RecursiveLoop"] == "Allow"


def test_the_environment_sets_the_functions_config(engine: Resolved) -> None:
    given = variables(engine)
    unknown = {name.lower() for name in given} - set(Config.__dataclass_fields__)
    assert unknown == {"ssl_cert_file"}  # OpenSSL's own
    assert Config.load(given) == Config(
        database_url=ON_AWS["DatabaseUrl"],
        database_secret="DATABASE-SECRET",
        database_role_secret="DATABASE-ROLE-SECRET",
        database_login="role",
        database_connections=2,
        redis_url=ON_AWS["RedisUrl"],
        redis_secret="REDIS-SECRET",
        orders_queue_url="OrdersQueue",
        orders_dlq_url="OrdersDlq",
        engine_auth="keys",
        key_pepper_secret="KeyPepper",
        admin_key_secret="AdminKey",
        websocket_url="wss://WebsocketAPI.execute-api.REGION.amazonaws.com/v1",
        websocket_endpoint="https://WebsocketAPI.execute-api.REGION.amazonaws.com/v1",
        relay_function="stack-relay",
        trigger_function="stack-fire-orders",
        metrics_namespace=NAMESPACE,
    )


def test_the_environment_of_a_stage_on_solana_sets_the_functions_config(deployed: Deployed) -> None:
    given = ON_SOLANA | {"SolanaOrderCaps": "SOL=1 USDC=200", "SolanaHalted": "yes"}
    simulated, found = (Config.load(variables(deployed(**more))) for more in ({}, given))
    assert found == replace(
        simulated,
        world="solana",
        solana_cluster="devnet",
        solana_rpc_urls="https://rpc.example/?api-key=1",
        solana_key_secret="SOLANA-KEY",
        jupiter_api_key_secret="JUPITER-KEY",
        solana_order_caps="SOL=1 USDC=200",
        solana_halted="yes",
    )


def test_a_stage_on_solana_differs_in_its_settings_and_roles_alone(
    engine: Resolved, on_solana: Resolved
) -> None:
    changed = {name for name, found in engine.resources.items() if on_solana.resources[name] != found}
    assert changed == {"APIHandlerRole", "ProcessOrderRole", "FireOrdersRole"}
    assert on_solana.resources.keys() == engine.resources.keys()


def test_a_simulated_stage_has_no_setting_of_solanas(deployed: Deployed) -> None:
    given = variables(deployed(**ON_SOLANA | {"World": "simulated"}))
    assert given == variables(deployed())
    assert not [name for name in given if name.startswith(("SOLANA", "JUPITER"))]


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"World": "simulated"}, []),
        ({"World": "solana"}, ["SolanaRpcUrls", "SolanaKeySecretArn"]),
        (ON_SOLANA, []),
        (
            ON_SOLANA | {"SolanaCluster": "mainnet"},
            ["SolanaAllowMainnet", "SolanaOrderCaps", "SolanaDayCaps"],
        ),
        (
            ON_SOLANA
            | {
                "SolanaCluster": "mainnet",
                "SolanaAllowMainnet": "yes",
                "SolanaOrderCaps": "SOL=1",
                "SolanaDayCaps": "SOL=5",
            },
            [],
        ),
        ({"World": "simulated", "SolanaCluster": "mainnet"}, []),
    ],
)
def test_a_stage_on_solana_without_what_it_needs_is_refused_before_anything_is_changed(
    deployed: Deployed, given: dict[str, str], missing: list[str]
) -> None:
    refused = deployed(**given).refused()
    assert len(refused) == len(missing)
    assert all(name in text for name, text in zip(missing, refused, strict=True))


@pytest.mark.parametrize(
    ("urls", "is_taken"),
    [
        ("https://rpc.example", True),
        ("https://rpc.example:443/v1?api-key=1, https://other.example/key", True),
        ("http://127.0.0.1:8899", True),  # where the emulator runs
        ("https://rpc.example:8899", False),  # the functions reach 443 alone
        ("http://rpc.example", False),
        ("https://rpc.example,", False),
        ("wss://rpc.example", False),
    ],
)
def test_nodes_are_those_that_the_functions_reach_over_tls(urls: str, is_taken: bool) -> None:
    parameter = load(ENGINE.name)["Parameters"]["SolanaRpcUrls"]
    assert bool(re.search(parameter["AllowedPattern"], urls)) == is_taken
    assert parameter["NoEcho"] is True


def test_the_functions_are_in_a_vpc_if_subnets_are_given(deployed: Deployed) -> None:
    within = deployed().shared["VpcConfig"]
    assert within == {"SubnetIds": ["subnet-a", "subnet-b"], "SecurityGroupIds": ["functions"]}
    assert "VpcConfig" not in deployed(SubnetIds="", SecurityGroupIds="").shared


def test_every_function_has_the_shared_settings(engine: Resolved, expanded: Resolved) -> None:
    found = expanded.of_type("Lambda::Function")
    assert found.keys() == engine.of_type("Serverless::Function").keys()
    for name, function in found.items():
        assert function["Environment"] == engine.shared["Environment"], name
        assert function["VpcConfig"] == engine.shared["VpcConfig"], name
        assert function["LoggingConfig"] == engine.shared["LoggingConfig"] | {"LogGroup": f"{name}Log"}, name


def test_lambda_writes_logs_as_json_from_level_info(engine: Resolved) -> None:
    logging = engine.shared["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert logging["ApplicationLogLevel"] == logging["SystemLogLevel"] == "INFO"


# --- Secrets and encryption ---


@pytest.mark.parametrize(
    ("parameter", "url", "is_taken"),
    [
        ("DatabaseUrl", "postgresql://db.example.com:5432/orders", True),
        ("DatabaseUrl", "postgresql://engine@db.example.com/orders?sslmode=verify-full", True),
        ("DatabaseUrl", "postgresql://engine:secret@db.example.com/orders", False),
        ("DatabaseUrl", "postgresql://db.example.com/orders?user=engine&password=secret", False),
        ("DatabaseUrl", "mysql://db.example.com/orders", False),
        ("RedisUrl", "rediss://redis.example.com:6379/0", True),
        ("RedisUrl", "rediss://:secret@redis.example.com:6379/0", False),
        ("RedisUrl", "rediss://engine:secret@redis.example.com:6379/0", False),
        ("RedisUrl", "rediss://redis.example.com:6379/0?password=secret", False),
        ("RedisUrl", "rediss://redis.example.com:6379/0?ssl_cert_reqs=none", False),
        ("RedisUrl", "rediss://redis.example.com:6379/0?db=1&ssl_check_hostname=false", False),
    ],
)
def test_a_url_with_a_password_or_without_a_check_of_the_certificate_is_refused(
    parameter: str, url: str, is_taken: bool
) -> None:
    pattern = load(ENGINE.name)["Parameters"][parameter]["AllowedPattern"]
    assert bool(re.search(pattern, url)) == is_taken


def test_no_secret_is_read_while_the_stack_is_deployed(package: Package) -> None:
    assert "resolve:" not in package.template.read_text()


def test_everything_at_rest_is_encrypted(engine: Resolved) -> None:
    assert all(queue["SqsManagedSseEnabled"] is True for queue in engine.of_type("SQS::Queue").values())
    assert all(topic["KmsMasterKeyId"] == "Key" for topic in engine.of_type("SNS::Topic").values())
    assert all(group["KmsKeyId"] == "Key.Arn" for group in engine.of_type("Logs::LogGroup").values())
    assert engine["Key"]["EnableKeyRotation"] is True


def test_the_key_may_be_used_only_for_the_stacks_logs(deployed: Deployed) -> None:
    engine = deployed(AccessLogs="account-ready")
    [statement] = [item for item in engine["Key"]["KeyPolicy"]["Statement"] if item["Sid"] == "Logs"]
    allowed = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    prefix = "arn:aws:logs:REGION:ACCOUNT:log-group:"
    patterns = [re.escape(pattern.removeprefix(prefix)).replace(r"\*", ".*") for pattern in allowed]
    assert all(pattern.startswith(prefix) for pattern in allowed)
    assert all("stack" in pattern for pattern in patterns)
    for group in engine.of_type("Logs::LogGroup").values():
        assert any(re.fullmatch(pattern, group["LogGroupName"]) for pattern in patterns), group


def test_every_connection_uses_tls(engine: Resolved) -> None:
    policies = [*engine.of_type("SQS::QueuePolicy").values(), *engine.of_type("SNS::TopicPolicy").values()]
    guarded = set()
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                assert statement["Principal"] == "*"
                guarded.add(statement["Resource"])
    assert guarded == {"OrdersQueue.Arn", "OrdersDlq.Arn", "AlarmTopic"}
    assert engine.outputs["HttpUrl"] == "https://RestAPI.execute-api.REGION.amazonaws.com/v1"
    assert engine.outputs["WebSocketUrl"] == "wss://WebsocketAPI.execute-api.REGION.amazonaws.com/v1"


def test_libpq_gets_the_path_of_lambdas_certificates(engine: Resolved, emulated: Resolved) -> None:
    assert variables(engine)["SSL_CERT_FILE"] == "/etc/pki/tls/certs/ca-bundle.crt"
    assert "SSL_CERT_FILE" not in variables(emulated)


def test_a_pepper_of_ones_own_takes_the_place_of_the_one_that_is_made(deployed: Deployed) -> None:
    mine = "arn:aws:secretsmanager:us-east-1:000000000000:secret:mine"
    engine = deployed(KeyPepperSecretArn=mine)
    assert "KeyPepper" not in engine.resources
    assert variables(engine)["KEY_PEPPER_SECRET"] == mine
    assert variables(engine)["ENGINE_AUTH"] == "keys"  # which no parameter changes


def test_no_template_holds_the_first_key(engine: Resolved) -> None:
    """The secret is made empty, and an update leaves in it what the function has put there."""
    assert engine["AdminKey"].keys() == {"Description"}


# --- Logs ---


@pytest.mark.parametrize("access_logs", ["no", "account-ready", "set-account-role"])
def test_every_log_has_the_given_retention(deployed: Deployed, access_logs: str) -> None:
    groups = deployed(LogRetentionDays=7, AccessLogs=access_logs).of_type("Logs::LogGroup")
    assert all(group["RetentionInDays"] == 7 for group in groups.values())
    assert ("AccessLog" in groups) == (access_logs != "no")


def test_access_logs_are_json_on_one_line(deployed: Deployed) -> None:
    engine = deployed(AccessLogs="account-ready")
    for settings in (
        engine["RestAPI"]["AccessLogSetting"],
        engine["WebsocketAPIStage"]["AccessLogSettings"],
    ):
        assert settings["DestinationArn"] == "AccessLog.Arn"
        assert "\n" not in settings["Format"]
        assert json.loads(settings["Format"])["id"] == "$context.requestId"


def test_access_logs_have_no_query_header_or_body_and_so_no_ticket_or_key(deployed: Deployed) -> None:
    """And API Gateway's own logs of executions, which would, are off."""
    engine = deployed(AccessLogs="account-ready")
    rest, sockets = engine["RestAPI"], engine["WebsocketAPIStage"]
    text = rest["AccessLogSetting"]["Format"] + sockets["AccessLogSettings"]["Format"]
    assert {*re.findall(r"\$[\w.]+", text)} == {
        f"$context.{name}"
        for name in (
            "requestTime",
            "requestId",
            "identity.sourceIp",
            "httpMethod",
            "path",
            "routeKey",
            "status",
            "responseLatency",
            "connectionId",
            "error.message",
        )
    }
    for settings in (*rest["MethodSettings"], sockets["DefaultRouteSettings"]):
        assert not settings.keys() & {"LoggingLevel", "DataTraceEnabled"}


def test_the_accounts_logging_role_is_set_only_on_request_and_is_retained(
    deployed: Deployed,
) -> None:
    assert "ApiGatewayAccount" not in deployed(AccessLogs="account-ready").resources
    account = deployed(AccessLogs="set-account-role").resources["ApiGatewayAccount"]
    assert account["DeletionPolicy"] == "Retain"


# --- The APIs ---


def test_both_apis_are_throttled(deployed: Deployed) -> None:
    engine = deployed(ApiRateLimit=7, ApiBurstLimit=9)
    limits = {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9}
    assert engine["RestAPI"]["MethodSettings"] == [{"ResourcePath": "/*", "HttpMethod": "*", **limits}]
    assert engine["WebsocketAPIStage"]["DefaultRouteSettings"] == limits


def test_the_throttled_stage_is_the_only_one(expanded: Resolved) -> None:
    """Left to itself SAM adds one that is named Stage, open to all."""
    [stage] = expanded.of_type("ApiGateway::Stage").values()
    assert stage["StageName"] == "v1"
    assert stage["MethodSettings"]
    [deployment] = expanded.of_type("ApiGateway::Deployment").values()
    assert "StageName" not in deployment


def test_the_api_is_regional_and_has_the_stacks_name(engine: Resolved) -> None:
    assert engine["RestAPI"]["EndpointConfiguration"] == "REGIONAL"
    assert engine["RestAPI"]["Name"] == engine["RestAPI"]["DefinitionBody"]["info"]["title"] == "stack"


def test_there_is_no_firewall_unless_a_limit_is_given(engine: Resolved) -> None:
    assert not {"Waf", "WafAssociation"} & engine.resources.keys()


def test_a_firewall_limits_each_address_and_the_size_of_requests(deployed: Deployed) -> None:
    engine = deployed(WafRateLimit="2000")
    size, rate = engine["Waf"]["Rules"]
    assert rate["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": "2000",
    }
    parts = [each["SizeConstraintStatement"] for each in size["Statement"]["OrStatement"]["Statements"]]
    assert [(*part["FieldToMatch"], part["Size"]) for part in parts] == [
        ("Body", 65536),
        ("QueryString", 8192),
    ]
    assert engine["WafAssociation"] == {
        "ResourceArn": "arn:aws:apigateway:REGION::/restapis/RestAPI/stages/RestAPI.Stage",
        "WebACLArn": "Waf.Arn",
    }


def test_the_firewall_keeps_no_samples_which_would_have_keys_in_their_headers(deployed: Deployed) -> None:
    waf = deployed(WafRateLimit="2000")["Waf"]
    for settings in (waf["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in waf["Rules"])):
        assert settings["SampledRequestsEnabled"] is False


def test_the_firewall_waits_for_the_stage_that_it_stands_before(transformed: dict[str, Any]) -> None:
    [arn] = transformed["Resources"]["WafAssociation"]["Properties"]["ResourceArn"].values()
    assert arn.endswith("/stages/${RestAPIv1Stage}")


# --- The emulator ---


def test_errors_of_api_gateway_have_the_shape_of_the_engines_errors(engine: Resolved) -> None:
    known = readme.in_tables(readme.section("Errors"), "[A-Z_]{4,}")
    refusals = engine["RestAPI"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    for name, refusal in refusals.items():
        text = refusal["responseTemplates"]["application/json"]
        error = json.loads(text.replace("$context.error.messageString", '"a message of API Gateway"'))
        assert set(error) == {"error", "code", "docs"}
        assert error["docs"] == f"docs#{error['code']}"
        assert error["code"] in known or name == "DEFAULT_4XX"
        headers = refusal["responseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        exposed = headers["gatewayresponse.header.Access-Control-Expose-Headers"]
        assert exposed == f"'{','.join(cors.EXPOSE_HEADERS)}'"


def test_cross_origin_requests_are_allowed(engine: Resolved) -> None:
    for path, methods in engine["RestAPI"]["DefinitionBody"]["paths"].items():
        answer = methods["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        headers = {
            name.removeprefix("method.response.header."): value.strip("'")
            for name, value in answer["responseParameters"].items()
        }
        assert headers["Access-Control-Allow-Origin"] == "*"
        allowed = {*headers["Access-Control-Allow-Methods"].lower().split(",")}
        assert {*methods} == {*allowed, "x-amazon-apigateway-any-method"}, path  # the others get 405
        assert {*cors.ALLOW_HEADERS, "Content-Type"} <= {*headers["Access-Control-Allow-Headers"].split(",")}
        assert headers["Access-Control-Expose-Headers"] == ",".join(cors.EXPOSE_HEADERS)


def test_a_method_that_a_path_does_not_have_reaches_the_function(engine: Resolved) -> None:
    for methods in engine["RestAPI"]["DefinitionBody"]["paths"].values():
        *ours, other = (
            methods[name]["x-amazon-apigateway-integration"] for name in sorted(methods) if name != "options"
        )
        assert (other["type"], other["httpMethod"]) == ("aws_proxy", "POST")
        assert {other["uri"]} == {integration["uri"] for integration in ours}


def test_on_the_emulator_every_address_is_its_endpoint(emulated: Resolved) -> None:
    given = variables(emulated)
    assert given["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert given["WEBSOCKET_ENDPOINT"] == "http://127.0.0.1:4566/_aws/execute-api/WebsocketAPI/v1"
    assert given["WEBSOCKET_URL"] == "ws://127.0.0.1:4566/_aws/execute-api/WebsocketAPI/v1"
    assert emulated.outputs["WebSocketUrl"] == given["WEBSOCKET_URL"]
    assert emulated.outputs["HttpUrl"] == "http://127.0.0.1:4566/_aws/execute-api/RestAPI/v1"


def test_on_aws_no_function_has_an_endpoint_url(engine: Resolved) -> None:
    assert "AWS_ENDPOINT_URL" not in variables(engine)


def test_the_emulator_gets_a_stage_without_a_deployment(engine: Resolved, emulated: Resolved) -> None:
    """And nothing that is there refers to what is not."""
    assert engine.of_type("ApiGatewayV2::Stage").keys() == {"WebsocketAPIStage"}
    assert emulated.of_type("ApiGatewayV2::Stage").keys() == {"EmulatorSocketStage"}
    assert emulated["EmulatorSocketStage"]["StageName"] == engine["WebsocketAPIStage"]["StageName"]
    assert not emulated.of_type("ApiGatewayV2::Deployment")
    gone = engine.resources.keys() - emulated.resources.keys()
    assert gone == {"WebsocketAPIStage", *engine.of_type("ApiGatewayV2::Deployment")}
    assert not any(name in json.dumps(emulated.resources) for name in gone)


# --- Outputs ---


def test_the_outputs_have_what_clients_and_the_deployment_need(engine: Resolved) -> None:
    assert (
        engine.outputs.items()
        >= {
            "OrdersQueueUrl": "OrdersQueue",
            "OrdersDlqUrl": "OrdersDlq",
            "MigrateFunction": engine["Migrate"]["FunctionName"],
            "AdminFunction": engine["Admin"]["FunctionName"],
            "AdminKeySecretArn": "AdminKey",
            "AlarmTopicArn": "AlarmTopic",
        }.items()
    )
    assert engine.outputs["DashboardUrl"].endswith("#dashboards/dashboard/Dashboard")
