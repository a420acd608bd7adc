"""`.env.example` lists every setting, and the defaults where none is set."""

from __future__ import annotations

from dataclasses import fields

import pytest
from chalicelib.config import Config
from dotenv import dotenv_values

from local import ROOT
from local.settings import DEFAULTS, read_dotenv, settings

LOCAL_ONLY = {
    "ENGINE_HOST": "127.0.0.1",
    "PORT": "3000",
    "ENGINE_URL": "http://127.0.0.1:3000",
    "ALLOWED_HOSTS": "",
    "TRUSTED_PROXIES": "",
    "PATH_PREFIX": "",
    "ENGINE_SEPARATE": "0",
    "LOG_LEVEL": "WARNING",
    "LOG_FORMAT": "text",
    "ENGINE_TRACE": "0",
    "LOCALSTACK_HOST": "",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def test_the_example_names_every_setting_with_its_default():
    text = (ROOT / ".env.example").read_text()
    shown = dict(
        line.removeprefix("#").split("=", 1)
        for line in text.splitlines()
        if line.startswith("#") and not line.startswith("# ")
    )
    assert shown == {item.name.upper(): str(item.default) for item in fields(Config)} | LOCAL_ONLY


def test_the_example_sets_nothing_unless_edited():
    assert dotenv_values(ROOT / ".env.example") == {}


def test_one_machine_has_its_own_defaults_unless_set():
    assert settings({})["SWEEP_AFTER_MS"] == DEFAULTS["SWEEP_AFTER_MS"]
    assert settings({"SWEEP_AFTER_MS": " "})["SWEEP_AFTER_MS"] == DEFAULTS["SWEEP_AFTER_MS"]
    assert settings({"SWEEP_AFTER_MS": "7000"})["SWEEP_AFTER_MS"] == "7000"


def test_an_option_overrides_the_environment_only_if_given():
    environ = {"SIM_LATENCY": "0.5", "SIM_FAULTS": "slippage"}
    chosen = settings(environ, sim_latency=0.0, sim_faults=None)
    assert (chosen["SIM_LATENCY"], chosen["SIM_FAULTS"]) == ("0.0", "slippage")


def test_dotenv_does_not_replace_what_the_environment_sets(tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / ".env"
    path.write_text("SIM_SEED=of-the-file\nSIM_FAULTS=quote-timeout token=COPE times=2\nDATABASE_URL=a$b")
    monkeypatch.setenv("SIM_SEED", "of-the-environment")
    for name in ("SIM_FAULTS", "DATABASE_URL"):
        monkeypatch.setenv(name, "")  # so that the patch puts it back
        monkeypatch.delenv(name)
    read_dotenv(path)
    chosen = settings()
    assert chosen["SIM_SEED"] == "of-the-environment"
    assert chosen["SIM_FAULTS"] == "quote-timeout token=COPE times=2"
    assert chosen["DATABASE_URL"] == "a$b"
