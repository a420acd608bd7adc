"""The load client: `python -m tests.bench.client` reads one job from stdin and writes lines of JSON."""
