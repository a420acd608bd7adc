"""The engine. `VERSION` is that of its API."""

VERSION = "1.0.0"
