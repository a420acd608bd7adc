"""The value that each parameter gets; valid and invalid stages and --set options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.change_set import Version
from infra.errors import StageError, ValidationError
from infra.stage import (
    STAGES,
    Values,
    check_names,
    choose_values,
    load_stage,
    parse_settings,
    stack_name,
)
from infra.template import Parameter, Template, read_template

TEMPLATE = Template(
    "engine",
    Path("engine.yaml"),
    "{}",
    {
        "DatabaseUrl": Parameter(None, "Postgres."),
        "AlarmEmail": Parameter("", "Gets the alarms."),
        "SimLatency": Parameter("1", "Scale."),
    },
    frozenset(),
)
URL = {"DatabaseUrl": "postgresql://data"}


def test_a_given_value_takes_precedence_over_an_earlier_stacks_output() -> None:
    values = choose_values(TEMPLATE, {"DatabaseUrl": "postgresql://mine"}, URL)
    assert values.given == {"DatabaseUrl": "postgresql://mine"}


def test_an_output_fills_the_parameter_of_its_name_and_no_other() -> None:
    assert choose_values(TEMPLATE, {}, {**URL, "VpcId": "vpc-1"}).given == URL


def test_what_was_set_earlier_stays_unless_it_is_set_again() -> None:
    assert choose_values(TEMPLATE, {}, URL, ["AlarmEmail", "Gone"]).previous == ("AlarmEmail",)
    assert choose_values(TEMPLATE, {"AlarmEmail": ""}, URL, ["AlarmEmail"]) == Values(
        {**URL, "AlarmEmail": ""}, ()
    )


def test_a_previous_value_is_requested_without_the_value_itself() -> None:
    assert Values({"A": "1"}, ("B",)).request() == [
        {"ParameterKey": "A", "ParameterValue": "1"},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]


def test_a_missing_value_is_an_error_with_the_parameters_description() -> None:
    with pytest.raises(StageError, match=r"--set DatabaseUrl=…   Postgres\."):
        choose_values(TEMPLATE, {}, {})


def test_a_value_that_the_stage_requires_has_to_be_given_once() -> None:
    with pytest.raises(StageError, match=r"--set AlarmEmail=…   Gets the alarms\."):
        choose_values(TEMPLATE, {}, URL, required={"AlarmEmail"})
    assert choose_values(TEMPLATE, {"AlarmEmail": "a@b.c"}, URL, required={"AlarmEmail"}).given["AlarmEmail"]
    assert choose_values(TEMPLATE, {}, URL, ["AlarmEmail"], {"AlarmEmail"}).previous == ("AlarmEmail",)


def test_set_takes_everything_after_the_first_equals_sign() -> None:
    url = "postgresql://h/orders?sslmode=verify-full"
    assert parse_settings([f"DatabaseUrl={url}", "AlarmEmail="], [TEMPLATE]) == {
        "DatabaseUrl": url,
        "AlarmEmail": "",
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("simlatency=0", r"no.* parameter 'simlatency'.* Did you mean SimLatency\? They are: AlarmEmail, "),
        ("SimLatency", r"'SimLatency' has no `=`"),
    ],
)
def test_an_unknown_setting_is_an_error_with_the_nearest_name(setting: str, message: str) -> None:
    with pytest.raises(StageError, match=f"(?i){message}"):
        parse_settings([setting], [TEMPLATE])


def test_a_stages_file_that_names_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(StageError, match=r'gives "engine" Simlatency, which engine\.yaml does not take'):
        check_names(TEMPLATE, ["Simlatency"])


def test_only_values_that_differ_from_the_deployed_templates_default_were_set_earlier() -> None:
    before = Version("{}", {"A": "1", "B": "x", "C": "****"}, {"A": "1", "B": ""})
    assert before.set_earlier == ["B", "C"]
    assert before.values() == Values({"A": "1", "B": "x"}, ("C",))


@pytest.mark.parametrize("name", sorted(path.stem for path in STAGES.glob("*.json")))
def test_each_stage_names_only_parameters_that_its_templates_have(name: str) -> None:
    stage = load_stage(name)
    for part in stage.parts:
        check_names(read_template(part), (*stage.parameters[part], *stage.required[part]))


def test_stages_differ_in_their_values_alone_and_hold_no_account_region_or_secret() -> None:
    dev, prod = load_stage("dev"), load_stage("prod")
    assert dev.parts == prod.parts == ("network", "data", "engine")
    assert prod.protected and not dev.protected
    for path in STAGES.glob("*.json"):
        assert not any(word in path.read_text() for word in ("arn:", "us-", "eu-", "://", "@", "assword"))


def test_values_are_written_as_cloudformation_takes_them(tmp_path: Path) -> None:
    content = {"engine": {"SubnetIds": ["a", "b"], "RelayShards": 2, "SimLatency": 0.5, "AlarmEmail": None}}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    stage = load_stage("mine", tmp_path)
    assert stage.parameters["engine"] == {"SubnetIds": "a,b", "RelayShards": "2", "SimLatency": "0.5"}
    assert stage.required["engine"] == {"AlarmEmail"}
    assert not stage.protected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nope", None, "There is no stage 'nope'; there are other"),
        ("dev-data", None, "can't be a stage's name"),  # it would be the data of `dev`
        ("other", "[", "is not an object of objects"),
        ("other", '{"engine": 1}', "is not an object of objects"),
        ("other", '{"engine": {}, "dns": {}}', "names dns; the templates are network, data, engine"),
        ("other", '{"network": {}}', 'has no "engine"'),
    ],
)
def test_a_malformed_stage_is_an_error(name: str, content: str | None, message: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content or "{}")
    with pytest.raises(StageError, match=message):
        load_stage(name, tmp_path)


def test_the_engines_stack_has_the_stages_name_and_the_others_their_parts() -> None:
    assert [stack_name("dev", part) for part in ("engine", "data")] == [
        "order-engine-dev",
        "order-engine-dev-data",
    ]


def test_a_template_that_is_not_yaml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("Resources: [")
    with pytest.raises(ValidationError, match=r"data\.yaml can't be read"):
        read_template("data", tmp_path / "data.yaml")


def test_only_functions_of_the_package_get_its_location() -> None:
    resources = {
        "Relay": {"Type": "AWS::Serverless::Function", "Properties": {}},
        "Queue": {"Type": "AWS::SQS::Queue"},
    }
    template = Template(
        "engine", Path("template.json"), json.dumps({"Resources": resources}), {}, frozenset()
    )
    placed = json.loads(template.with_code("s3://bucket/key").text)["Resources"]
    assert placed["Relay"]["Properties"] == {"CodeUri": "s3://bucket/key"}
    assert placed["Queue"] == {"Type": "AWS::SQS::Queue"}
