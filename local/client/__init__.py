"""The client library: the engine's API for programs in Python, and for the command line.

client.py    EngineClient, a method for each thing that the engine can be asked
answers.py   what comes back, as values and as the errors Refused and Unreachable
"""

from __future__ import annotations

from ..errors import ClientError, Refused, Unreachable
from .answers import Wire
from .client import EngineClient

__all__ = ["ClientError", "EngineClient", "Refused", "Unreachable", "Wire"]
