"""`python health.py`: exits 0 if the engine on this machine answers that all its servers are there.

The image's health check, which has no curl; it imports little, for it runs every few seconds.
"""

from __future__ import annotations

import http.client
import os
import sys

WITHIN_S = 4.0  # less than the image gives the check, so that the reason is said


def ask(port: int) -> tuple[int, str]:
    """Status and body of `/health`. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def main() -> int:
    """Say what was answered; the exit code."""
    try:
        status, said = ask(int(os.environ.get("PORT") or 3000))
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error!r}")
        return 1
    print(said)
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
