"""The network and data templates: routes and security groups, encryption, retention."""

from __future__ import annotations

import ipaddress
import json
import re
from itertools import combinations
from typing import Any

import pytest

from infra.package import TEMPLATES
from tests.infra.resolved import Resolved, load

TEMPLATE_NAMES = ["network.yaml", "data.yaml"]
FROM_NETWORK = {"VpcId": "vpc", "SubnetIds": "subnet-a,subnet-b", "SecurityGroupIds": "functions"}
TO_ENGINE = {"DatabaseUrl", "DatabaseSecretArn", "DatabaseRoleSecretArn", "RedisUrl", "RedisSecretArn"}
FULL_NETWORK = {"Zones": 3, "Nat": "per-az", "Endpoints": "on", "FlowLogs": "ALL"}


def data(**given: Any) -> Resolved:
    return Resolved("data.yaml", **FROM_NETWORK, **given)


def rules(template: Resolved, direction: str) -> list[tuple[str, str, Any]]:
    """Every rule as (security group, the other side, port)."""
    found = []
    for group, properties in template.of_type("EC2::SecurityGroup").items():
        found += [(group, rule) for rule in properties.get(f"SecurityGroup{direction}", [])]
    for properties in template.of_type(f"EC2::SecurityGroup{direction}").values():
        found.append((properties["GroupId"].partition(".")[0], properties))
    return [
        (
            group,
            next(rule[key] for key in rule if key.startswith(("Cidr", "Source", "Destination"))),
            rule.get("FromPort"),
        )
        for group, rule in found
    ]


# --- Both templates ---


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_parameter_has_a_description_and_a_constraint(name: str) -> None:
    for key, parameter in load(name)["Parameters"].items():
        assert parameter["Description"], key
        constrained = parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}
        assert constrained or parameter["Type"].startswith(("AWS::", "List<AWS::", "CommaDelimited")), key


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_parameter_is_in_a_group_of_the_console(name: str) -> None:
    template = load(name)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    placed = [key for group in groups for key in group["Parameters"]]
    assert sorted(placed) == sorted(template["Parameters"])


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_the_template_names_no_account_region_or_zone(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    assert not re.search(r"\b\d{12}\b", text)
    assert not re.search(r"\b(af|ap|ca|eu|il|me|mx|sa|us|use)-?[a-z]*-?[a-z]+-\d[a-z]?\b", text)


@pytest.mark.parametrize("template", [Resolved("network.yaml", **FULL_NETWORK), data()])
def test_every_log_group_has_a_retention(template: Resolved) -> None:
    groups = template.of_type("Logs::LogGroup")
    assert groups
    assert all(group["RetentionInDays"] for group in groups.values())


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_check_that_is_skipped_has_a_reason(name: str) -> None:
    for resource in load(name)["Resources"].values():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"].split()) > 5, skip


def test_the_outputs_of_each_template_are_parameters_of_the_next() -> None:
    network, tier, engine = Resolved("network.yaml"), load("data.yaml"), load("engine.yaml")
    required = {key for key, item in tier["Parameters"].items() if "Default" not in item}
    assert required == FROM_NETWORK.keys() <= network.outputs.keys()
    assert data().outputs.keys() >= TO_ENGINE
    assert TO_ENGINE | {"SubnetIds", "SecurityGroupIds"} <= engine["Parameters"].keys()


@pytest.mark.parametrize("template", [Resolved("network.yaml", **FULL_NETWORK), data(DatabaseInstances=2)])
def test_security_groups_allow_ingress_only_from_security_groups(template: Resolved) -> None:
    ingress = rules(template, "Ingress")
    assert ingress
    assert not [source for _, source, _ in ingress if "/" in source or source.startswith("pl-")]


# --- The network ---


@pytest.mark.parametrize("nat", ["one", "per-az"])
@pytest.mark.parametrize("zones", [2, 3])
def test_private_subnets_reach_the_internet_only_through_nat_gateways(zones: int, nat: str) -> None:
    network = Resolved("network.yaml", Zones=zones, Nat=nat)
    subnets = network.outputs["SubnetIds"].split(",")
    assert len(subnets) == zones
    assert len(network.of_type("EC2::NatGateway")) == (zones if nat == "per-az" else 1)
    associations = network.of_type("EC2::SubnetRouteTableAssociation").values()
    table_of = {item["SubnetId"]: item["RouteTableId"] for item in associations}
    for subnet in subnets:
        [route] = [r for r in network.of_type("EC2::Route").values() if r["RouteTableId"] == table_of[subnet]]
        gateway = network[route["NatGatewayId"]]
        assert table_of[gateway["SubnetId"]] == "PublicRoutes"
        if nat == "per-az":
            assert network[gateway["SubnetId"]]["AvailabilityZone"] == f"{subnet}.AvailabilityZone"


@pytest.mark.parametrize("block", ["10.42.0.0/16", "192.168.8.0/21"])
def test_subnets_are_within_the_vpc_and_do_not_overlap(block: str) -> None:
    network = Resolved("network.yaml", VpcCidr=block, **FULL_NETWORK)
    subnets = [ipaddress.IPv4Network(item["CidrBlock"]) for item in network.of_type("EC2::Subnet").values()]
    assert len(subnets) == 6
    assert all(subnet.subnet_of(ipaddress.IPv4Network(block)) for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


def test_each_private_subnet_is_in_a_zone_of_its_own_which_can_be_named() -> None:
    def zones(**given: Any) -> list[str]:
        network = Resolved("network.yaml", Zones=3, **given)
        return [network[subnet]["AvailabilityZone"] for subnet in network.outputs["SubnetIds"].split(",")]

    assert zones() == ["zone-1", "zone-2", "zone-3"]
    assert zones(ZoneNames="zone-4,zone-1,zone-2") == ["zone-4", "zone-1", "zone-2"]


def test_functions_reach_https_everywhere_and_postgres_and_redis_in_the_vpc_only() -> None:
    network = Resolved("network.yaml", VpcCidr="10.9.0.0/16")
    assert network.outputs["SecurityGroupIds"] == "FunctionSecurityGroup.GroupId"
    assert [rule for rule in rules(network, "Egress") if rule[0] == "FunctionSecurityGroup"] == [
        ("FunctionSecurityGroup", "0.0.0.0/0", 443),
        ("FunctionSecurityGroup", "10.9.0.0/16", 5432),
        ("FunctionSecurityGroup", "10.9.0.0/16", 6379),
    ]
    assert not [rule for rule in rules(network, "Ingress") if rule[0] == "FunctionSecurityGroup"]


def test_there_are_no_endpoints_by_default() -> None:
    assert [*Resolved("network.yaml").of_type("EC2::VPCEndpoint")] == []


def test_endpoints_serve_only_the_functions_and_this_account() -> None:
    network = Resolved("network.yaml", **FULL_NETWORK)
    assert rules(network, "Ingress") == [("EndpointSecurityGroup", "FunctionSecurityGroup.GroupId", 443)]
    endpoints = network.of_type("EC2::VPCEndpoint")
    assert len(endpoints) == 3
    for endpoint in endpoints.values():
        [statement] = endpoint["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {"aws:PrincipalAccount": "ACCOUNT", "aws:ResourceAccount": "ACCOUNT"}
        }
        assert endpoint["PrivateDnsEnabled"] is True
        assert endpoint["SecurityGroupIds"] == ["EndpointSecurityGroup.GroupId"]
        assert ",".join(endpoint["SubnetIds"]) == network.outputs["SubnetIds"]


def test_flow_logs_are_off_or_have_their_own_log_group() -> None:
    network = Resolved("network.yaml", FlowLogs="ALL")
    [policy] = network["FlowLogRole"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (network["FlowLog"]["TrafficType"], statement["Resource"]) == ("ALL", "FlowLogGroup.Arn")
    assert not any("FlowLog" in name for name in Resolved("network.yaml", FlowLogs="NONE").resources)


# --- Postgres ---


def test_postgres_is_reached_through_the_proxy_and_the_proxy_by_the_functions() -> None:
    assert sorted(rules(data(), "Ingress")) == [
        ("DatabaseSecurityGroup", "ProxySecurityGroup.GroupId", 5432),
        ("ProxySecurityGroup", "functions", 5432),
        ("RedisSecurityGroup", "functions", 6379),
    ]
    assert sorted(rules(data(), "Egress"), key=str) == [
        ("DatabaseSecurityGroup", "127.0.0.1/32", None),  # nowhere
        ("ProxySecurityGroup", "DatabaseSecurityGroup.GroupId", 5432),
        ("RedisSecurityGroup", "127.0.0.1/32", None),
    ]
    assert data()["DatabaseCluster"]["VpcSecurityGroupIds"] == ["DatabaseSecurityGroup.GroupId"]
    assert data()["DatabaseProxy"]["VpcSecurityGroupIds"] == ["ProxySecurityGroup.GroupId"]
    assert data()["Redis"]["SecurityGroupIds"] == ["RedisSecurityGroup.GroupId"]


def test_postgres_is_encrypted_at_rest_and_on_every_connection() -> None:
    template = data()
    assert template["DatabaseCluster"]["StorageEncrypted"] is True
    assert template["DatabaseCluster"]["DBClusterParameterGroupName"] == "DatabaseParameters"
    assert template["DatabaseParameters"]["Parameters"]["rds.force_ssl"] == "1"
    assert template["DatabaseProxy"]["RequireTLS"] is True
    assert template.outputs["DatabaseUrl"] == (
        "postgresql://DatabaseProxy.Endpoint:5432/orders?sslmode=verify-full&sslrootcert=system"
    )


def test_no_instance_is_public() -> None:
    instances = data(DatabaseInstances=2).of_type("RDS::DBInstance")
    assert len(instances) == 2
    assert [instance["PubliclyAccessible"] for instance in instances.values()] == [False, False]


def test_rds_makes_the_owners_password_and_the_proxy_may_read_that_and_the_roles() -> None:
    template = data()
    secrets = ["DatabaseCluster.MasterUserSecret.SecretArn", "DatabaseRoleSecret"]
    assert template["DatabaseCluster"]["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in template["DatabaseCluster"]
    assert [template.outputs[f"Database{whose}SecretArn"] for whose in ("", "Role")] == secrets
    assert [auth["SecretArn"] for auth in template["DatabaseProxy"]["Auth"]] == secrets
    [policy] = template["ProxyRole"]["Policies"]
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secrets}
    ]
    generated = template["DatabaseRoleSecret"]["GenerateSecretString"]
    owner = template["DatabaseCluster"]["MasterUsername"]
    assert json.loads(generated["SecretStringTemplate"])["username"] not in ("", owner)


def test_a_deleted_or_replaced_stack_leaves_a_snapshot_of_the_orders() -> None:
    cluster = data().resources["DatabaseCluster"]
    assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert cluster["Properties"]["DBClusterIdentifier"] == "stack"  # a name that is taken can't be replaced
    assert cluster["Properties"]["DeletionProtection"] is True
    assert cluster["Properties"]["BackupRetentionPeriod"] == 7
    assert data(DatabaseDeletionProtection="off")["DatabaseCluster"]["DeletionProtection"] is False


@pytest.mark.parametrize(
    ("resource", "log", "name"),
    [
        ("DatabaseCluster", "DatabaseLog", "/aws/rds/cluster/stack/postgresql"),
        ("DatabaseProxy", "ProxyLog", "/aws/rds/proxy/stack"),
    ],
)
def test_log_groups_with_retention_exist_before_rds_writes_to_them(
    resource: str, log: str, name: str
) -> None:
    assert data()[log]["LogGroupName"] == name
    assert data().resources[resource]["DependsOn"] == log


@pytest.mark.parametrize(
    ("version", "family"), [("16.8", "aurora-postgresql16"), ("17.7", "aurora-postgresql17")]
)
def test_the_parameter_group_of_postgres_matches_its_version(version: str, family: str) -> None:
    template = data(DatabaseVersion=version)
    assert template["DatabaseParameters"]["Family"] == family
    assert template["DatabaseCluster"]["EngineVersion"] == version


# --- Redis ---


def test_redis_is_encrypted_and_requires_a_password_that_no_template_holds() -> None:
    template = data()
    redis = template["Redis"]
    assert redis["AtRestEncryptionEnabled"] is redis["TransitEncryptionEnabled"] is True
    assert redis["TransitEncryptionMode"] == "required"
    assert redis["UserGroupIds"] == ["RedisUsers"]
    assert template["RedisUsers"]["UserIds"] == ["RedisUser"]
    assert template["RedisUser"]["AuthenticationMode"] == {
        "Type": "password",
        "Passwords": ["{{resolve:secretsmanager:RedisSecret:SecretString:password}}"],
    }
    generated = template["RedisSecret"]["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"username": template["RedisUser"]["UserName"]}
    assert (generated["GenerateStringKey"], generated["PasswordLength"]) == ("password", 64)
    assert template.outputs["RedisUrl"] == "rediss://Redis.PrimaryEndPoint.Address:6379/0"
    assert template.outputs["RedisSecretArn"] == "RedisSecret"


@pytest.mark.parametrize(("nodes", "fails_over"), [(1, False), (2, True), (3, True)])
def test_redis_fails_over_automatically_if_it_has_a_replica(nodes: int, fails_over: bool) -> None:
    redis = data(RedisNodes=nodes)["Redis"]
    assert redis["NumCacheClusters"] == nodes
    assert redis["AutomaticFailoverEnabled"] is redis["MultiAZEnabled"] is fails_over


@pytest.mark.parametrize(("version", "family"), [("7.2", "valkey7"), ("8.1", "valkey8")])
def test_redis_evicts_nothing_in_any_version(version: str, family: str) -> None:
    parameters = data(RedisVersion=version)["RedisParameters"]
    assert parameters["CacheParameterGroupFamily"] == family
    assert parameters["Properties"] == {"maxmemory-policy": "noeviction"}
