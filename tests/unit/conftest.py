"""Hypothesis for the unit tests: a busy machine makes an example slow, which is no fault of the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
