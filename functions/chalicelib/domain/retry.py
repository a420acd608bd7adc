"""Whether and when a failed attempt is followed by another: a fixed number, exponential back-off, jitter."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import AttemptFailed


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` in all; the first wait is about `base_ms`, and each further one twice the last."""

    max_attempts: int = 3
    base_ms: int = 500

    def is_last(self, attempt: int) -> bool:
        """Whether no attempt follows the `attempt`-th (the first is 1)."""
        return attempt >= self.max_attempts

    def retry_in_ms(self, error: AttemptFailed, attempt: int, jitter: float) -> int | None:
        """Milliseconds until the attempt after the `attempt`-th, which failed; None if the order fails."""
        if self.is_last(attempt) or not error.retryable:
            return None
        return self.backoff_ms(attempt, jitter)

    def backoff_ms(self, attempt: int, jitter: float) -> int:
        """Milliseconds to wait after the `attempt`-th attempt; `jitter` in [0, 1) is drawn by the caller.

        delay = base × 2^(attempt − 1) × (1 + jitter / 4): never less than the stated base, so that a venue
        has that long to recover, and spread over a quarter, so that orders which failed together retry apart.
        """
        return int(self.base_ms * 2 ** (attempt - 1) * (1 + jitter / 4))
