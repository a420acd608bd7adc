"""What pages of other origins may send and read, whether a function answers or what stands before it."""

from __future__ import annotations

ALLOW_HEADERS = ("Idempotency-Key", "traceparent", "x-request-id")
RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
EXPOSE_HEADERS = ("Allow", "Idempotent-Replayed", "Retry-After", *RATE_LIMIT, "x-amzn-requestid")
MAX_AGE_S = 600

HEADERS = {
    "Access-Control-Allow-Origin": "*",  # a front end may be served from anywhere
    "Access-Control-Expose-Headers": ",".join(EXPOSE_HEADERS),
}
"""Of a refusal that no route's own settings are known for."""
