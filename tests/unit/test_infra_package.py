"""The archive: code that Lambda can load, and the same bytes from the same files."""

from __future__ import annotations

import importlib.util
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.errors import PackageError
from infra.package import check_runnable, content_hash, incompatibility, name_after_routes, rewrite

X86_64, AARCH64 = 62, 183


def elf(machine: int, *, bits: int = 64) -> bytes:
    return b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(11) + struct.pack("<H", machine)


def write(path: Path, entries: dict[str, bytes], when: tuple[int, int, int] = (2026, 1, 2)) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (*when, 3, 4, 6)), content)
    return path


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("p/_c.cpython-311-x86_64-linux-gnu.so", elf(X86_64), None),
        ("p/_c.abi3.so", elf(X86_64), None),
        ("p.libs/libpq-1a2b.so.5.18", elf(X86_64), None),
        ("p/_c.abi3.so", elf(AARCH64), "not for x86_64 (machine 183)"),  # a wheel of an Arm builder
        ("p/_c.abi3.so", elf(3, bits=32), "not for x86_64 (machine 3)"),
        ("p/_c.cpython-311-darwin.so", b"\xcf\xfa\xed\xfe" + bytes(16), "not Linux's format (ELF)"),
        ("p/_c.cpython-312-x86_64-linux-gnu.so", elf(X86_64), "for Python 312, not 3.11"),
        ("p/_c.cpython-311-x86_64-linux-musl.so", elf(X86_64), "for musl, and Lambda has glibc"),
        ("p/_c.so", b"\x7fELF", "not for x86_64 (machine None)"),  # cut short
    ],
)
def test_native_code_for_another_platform_is_incompatible_with_a_reason(
    name: str, head: bytes, reason: str | None
) -> None:
    assert incompatibility(name, head, "3.11") == reason


def test_a_wheel_for_another_processor_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", {"app.py": b"", "nacl/_sodium.abi3.so": elf(AARCH64)})
    with pytest.raises(PackageError, match=r"nacl/_sodium\.abi3\.so: not for x86_64"):
        check_runnable(archive, "python3.11")


def test_an_unsupported_runtime_is_an_error_that_lists_the_supported_ones(tmp_path: Path) -> None:
    archive = write(tmp_path / "a.zip", {"app.py": b""})
    check_runnable(archive, "python3.14")
    with pytest.raises(PackageError, match=r"no python3\.15 runtime.*python3\.11, python3\.12"):
        check_runnable(archive, "python3.15")


def test_the_same_files_give_the_same_archive_at_any_time_and_in_any_order(
    tmp_path: Path,
) -> None:
    first = write(tmp_path / "1.zip", {"a.py": b"a", "b/c.py": b"c"}, (2026, 1, 2))
    second = write(tmp_path / "2.zip", {"b/c.py": b"c", "a.py": b"a"}, (2027, 8, 9))
    assert content_hash(first) != content_hash(second)
    rewrite(first, tmp_path / "3.zip")
    rewrite(second, tmp_path / "4.zip")
    assert content_hash(tmp_path / "3.zip") == content_hash(tmp_path / "4.zip")


def test_every_module_has_its_bytecode_in_the_archive_and_python_does_not_recompile_it(
    tmp_path: Path,
) -> None:
    rewrite(write(tmp_path / "1.zip", {"module.py": b"text = 'as written'"}), tmp_path / "2.zip")
    with zipfile.ZipFile(tmp_path / "2.zip") as archive:
        archive.extractall(tmp_path)
    compiled = Path(importlib.util.cache_from_source(str(tmp_path / "module.py")))
    assert compiled.exists()
    (tmp_path / "module.py").write_text("text = 'as changed'")
    done = subprocess.run(
        [sys.executable, "-c", "import module; print(module.text)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "as written\n", done.stderr


def test_files_in_the_archive_are_readable_by_lambdas_user(tmp_path: Path) -> None:
    rewrite(write(tmp_path / "1.zip", {"a.py": b"a"}), tmp_path / "2.zip")
    with zipfile.ZipFile(tmp_path / "2.zip") as archive:
        assert archive.getinfo("a.py").external_attr >> 16 & 0o444 == 0o444
        assert archive.read("a.py") == b"a"


def sockets(route: str) -> dict[str, Any]:
    return {
        "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": route}},
        "WebsocketAPIDeployment": {"Type": "AWS::ApiGatewayV2::Deployment"},
        "WebsocketAPIStage": {"Properties": {"DeploymentId": {"Ref": "WebsocketAPIDeployment"}}, "Type": "…"},
    }


def deployed_as(route: str) -> str:
    resources = sockets(route)
    name_after_routes(resources)
    [name] = [name for name, found in resources.items() if found["Type"].endswith("::Deployment")]
    assert resources["WebsocketAPIStage"]["Properties"]["DeploymentId"] == {"Ref": name}
    return name


def test_the_websocket_deployment_is_renamed_exactly_when_routes_change() -> None:
    assert deployed_as("$connect") == deployed_as("$connect") != deployed_as("$default")


def test_without_a_websocket_api_nothing_is_renamed() -> None:
    resources: dict[str, Any] = {"Queue": {"Type": "AWS::SQS::Queue"}}
    name_after_routes(resources)
    assert [*resources] == ["Queue"]
