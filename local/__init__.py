"""Everything that exists only on a developer's machine.

Importing it puts the Chalice project's root on `sys.path`, where Lambda has it, so that `app` and
`chalicelib` are found under the same names as in the cloud.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"

if str(FUNCTIONS) not in sys.path:
    sys.path.insert(0, str(FUNCTIONS))

__all__ = ["FUNCTIONS", "ROOT"]
