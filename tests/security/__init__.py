"""Attempts to get in, from outside: each made on a running engine that takes API keys."""
