"""A folder that can't hold the servers' files: the error says what else to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.servers import Folder, ServiceError


@pytest.mark.parametrize("path", ["/proc/nothing/state", "/dev/null/state"])
def test_a_place_that_can_not_be_written_leads_to_the_option_for_another(path: str) -> None:
    with pytest.raises(ServiceError, match="--state"):
        Folder(Path(path))


def mode_of(folder: Path) -> int:
    """Without what root's Postgres needs to come through."""
    return folder.stat().st_mode & (0o767 if os.geteuid() == 0 else 0o777)


def test_a_folder_that_is_made_is_for_its_user_alone(tmp_path: Path) -> None:
    Folder(tmp_path / "new").close()
    assert mode_of(tmp_path / "new") == 0o700
    temporary = Folder(None)
    assert mode_of(temporary.path) == 0o700
    temporary.close()


def test_the_folder_of_an_earlier_engine_is_closed(tmp_path: Path) -> None:
    Folder(tmp_path).close()
    tmp_path.chmod(0o755)
    Folder(tmp_path).close()
    assert mode_of(tmp_path) == 0o700


def test_a_folder_with_files_of_others_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "something else").touch()
    tmp_path.chmod(0o755)
    folder = Folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    folder.close()
