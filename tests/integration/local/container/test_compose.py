"""docker-compose.yml and the engine's Dockerfile, as far as they show without Docker what they promise."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from local import ROOT

CONTAINER = ROOT / "local" / "container"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def engine(compose: dict[str, Any]) -> dict[str, Any]:
    return compose["services"]["engine"]


def dockerfile() -> list[list[str]]:
    """Its instructions, each in words."""
    text = (CONTAINER / "Dockerfile").read_text()
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [line.split() for line in lines.replace("\\\n", " ").splitlines() if line.strip()]


def the_last(instruction: str) -> str:
    """What the last instruction of that name says."""
    return " ".join(next(line[1:] for line in reversed(dockerfile()) if line[0] == instruction))


def test_every_port_is_published_on_the_loopback_only(compose: dict[str, Any]):
    ports = [port for service in compose["services"].values() for port in service["ports"]]
    assert len(ports) == 7
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in ports)


def test_every_image_is_pinned_to_a_release(compose: dict[str, Any]):
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += [line[1] for line in dockerfile() if line[0] == "FROM"]
    assert len(images) == 8
    assert all(re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)*$", image) for image in images)


def test_the_servers_are_checked_and_the_engine_waits_for_each(compose: dict[str, Any]):
    servers = {name: each for name, each in compose["services"].items() if "profiles" not in each}
    assert all("healthcheck" in server for server in servers.values())
    waits = compose["services"]["engine"]["depends_on"]
    assert waits == {name: {"condition": "service_healthy"} for name in servers}


def test_engines_run_only_where_their_profile_is_requested(compose: dict[str, Any]):
    profiles = {name: each["profiles"] for name, each in compose["services"].items() if "profiles" in each}
    assert profiles.pop("engine") == ["engine"]
    assert [profiles.pop(name) for name in ("prometheus", "grafana")] == [["observe"]] * 2
    assert profiles == {name: ["two"] for name in ("engine-a", "engine-b", "proxy")}


def test_two_engines_share_servers_and_trust_their_proxy_alone(
    compose: dict[str, Any], engine: dict[str, Any]
):
    subnet = ip_network(compose["networks"]["default"]["ipam"]["config"][0]["subnet"])
    proxy = (CONTAINER / "nginx.conf").read_text()
    for name in ("engine-a", "engine-b"):
        service = compose["services"][name]
        given = dict(service["environment"])
        assert ip_network(given.pop("TRUSTED_PROXIES")) == subnet
        assert given == engine["environment"]
        assert (service["ports"], service["image"]) == ([], engine["image"])
        assert f"server {name}:3000;" in proxy
    assert set(compose["services"]["proxy"]["depends_on"]) == {"engine-a", "engine-b"}


def test_the_whole_of_dotenv_reaches_the_container_but_its_servers_and_address(
    compose: dict[str, Any], engine: dict[str, Any]
):
    assert engine["env_file"] == [{"path": ".env", "required": False}]
    fixed = {name for name, value in engine["environment"].items() if value is not None}
    servers, address = {"DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL"}, {"ENGINE_HOST", "PORT"}
    assert fixed == servers | address | {"ENGINE_AUTH", "ALLOWED_HOSTS"}
    names = engine["environment"]["ALLOWED_HOSTS"].removeprefix("${ALLOWED_HOSTS:-").removesuffix("}")
    assert {*names.split(",")} == {
        name for name in compose["services"] if name.startswith(("engine", "proxy"))
    }


def test_the_engine_finds_its_servers_by_the_names_of_their_services(
    compose: dict[str, Any], engine: dict[str, Any]
):
    given = engine["environment"]
    urls = [httpx.URL(given[name]) for name in ("DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL")]
    ports = [compose["services"][url.host]["ports"][0].rpartition(":")[2] for url in urls]
    assert [str(url.port) for url in urls] == ports


def test_postgres_and_valkey_ask_for_the_password_that_the_engine_has(
    compose: dict[str, Any], engine: dict[str, Any]
):
    postgres, valkey = (compose["services"][name] for name in ("postgres", "valkey"))
    options = dict(pairwise(valkey["command"]))
    passwords = [postgres["environment"]["POSTGRES_PASSWORD"], options["--requirepass"]]
    assert [
        httpx.URL(engine["environment"][name]).password for name in ("DATABASE_URL", "REDIS_URL")
    ] == passwords
    assert valkey["environment"] == {"REDISCLI_AUTH": options["--requirepass"]}


def test_the_commands_for_the_servers_alone_have_their_passwords(engine: dict[str, Any]):
    for text in ((ROOT / "docker-compose.yml").read_text(), (ROOT / "local" / "README.md").read_text()):
        for name in ("DATABASE_URL", "REDIS_URL"):
            within = httpx.URL(engine["environment"][name])
            assert f"{name}={within.copy_with(host='127.0.0.1')}" in text


def test_the_engine_can_do_nothing_but_run(engine: dict[str, Any]):
    assert engine["read_only"] is True
    assert engine["cap_drop"] == ["ALL"]
    assert engine["security_opt"] == ["no-new-privileges:true"]
    assert "volumes" not in engine
    uid = the_last("USER").split(":")[0]
    assert int(uid) > 0
    assert all(f"uid={uid}," in mount for mount in engine["tmpfs"])


def test_the_image_says_how_it_is_started_stopped_and_checked(engine: dict[str, Any]):
    assert json.loads(the_last("CMD")) == ["python", "-P", "-m", "local", "up"]
    assert the_last("STOPSIGNAL") == "SIGTERM"
    check = json.loads(the_last("HEALTHCHECK").partition(" CMD ")[2])
    assert check == ["python", "-P", f"/engine/{(CONTAINER / 'health.py').relative_to(ROOT)}"]
    assert int(engine["stop_grace_period"].removesuffix("s")) >= 20


def test_all_that_the_image_copies_is_there_and_not_ignored():
    ignored = (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [line[1:-1] for line in dockerfile() if line[0] == "COPY" and not line[1].startswith("--")]
    for path in (Path(each) for paths in copied for each in paths):
        assert (ROOT / path).exists()
        assert f"!{path.parts[0]}" in ignored
        assert not {str(path), *map(str, path.parents)} & set(ignored)
    named = [line.strip("!") for line in ignored if line[:1] not in ("*", "#", "")]
    assert [path for path in named if not (ROOT / path).exists() and "deployments" not in path] == []
