"""The engine's ports as small real implementations in memory, for tests of the use cases.

They keep the promises of `chalicelib/ports/`; the contract tests in `tests/integration`
hold the store, the registry and the relay's channel to the same tests as their real counterparts. Failures
happen on request: a server that is unavailable, a swap that is dropped, a notification that is lost.
"""

from tests.fakes.activity import MemoryActivity
from tests.fakes.chain import MemoryChain, MemorySigner
from tests.fakes.channel import MemoryChannel
from tests.fakes.crash import Crash, Fuse
from tests.fakes.dead_letters import MemoryDeadLetters
from tests.fakes.engine import MemoryEngine
from tests.fakes.events import MemoryEvents, announcer
from tests.fakes.kept_key import MemoryKeptKey
from tests.fakes.keys import MemoryKeys
from tests.fakes.launcher import MemoryLauncher
from tests.fakes.launches import MemoryLaunches
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.push import MemoryPush
from tests.fakes.queue import MemoryQueue
from tests.fakes.rates import MemoryRates
from tests.fakes.redis import Redis
from tests.fakes.registry import MemoryRegistry
from tests.fakes.store import MemoryStore
from tests.fakes.venue import MemoryVenue, PoolVenue
from tests.fakes.waiting import eventually

__all__ = [
    "Crash",
    "Fuse",
    "MemoryActivity",
    "MemoryChain",
    "MemoryChannel",
    "MemoryDeadLetters",
    "MemoryEngine",
    "MemoryEvents",
    "MemoryKeptKey",
    "MemoryKeys",
    "MemoryLauncher",
    "MemoryLaunches",
    "MemoryMetrics",
    "MemoryPush",
    "MemoryQueue",
    "MemoryRates",
    "MemoryRegistry",
    "MemorySigner",
    "MemoryStore",
    "MemoryVenue",
    "PoolVenue",
    "Redis",
    "announcer",
    "eventually",
]
