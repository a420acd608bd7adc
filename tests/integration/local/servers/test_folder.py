"""A folder that can't hold the servers' files: the error says what else to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.servers import Folder, ServiceError


@pytest.mark.parametrize("path", ["/proc/nothing/state", "/dev/null/state"])
def test_a_place_that_can_not_be_written_leads_to_the_option_for_another(path: str) -> None:
    with pytest.raises(ServiceError, match="--state"):
        Folder(Path(path))
