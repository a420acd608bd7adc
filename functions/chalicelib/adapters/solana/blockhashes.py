"""Until when a transaction with a venue's blockhash can land, as the chain itself says."""

from __future__ import annotations

from collections import OrderedDict

from ...domain.errors import BlockhashExpired, ChainUnavailable, SigningRefused
from .rpc import Rpc, RpcRefusal, WrongNode, reading

NOT_FINAL = 32  # blocks that may yet be abandoned
KEPT = 64  # blockhashes; those that orders have at a time are of a few slots


class Blockhashes:
    """Blockhashes that the nodes behind `rpc` know, each asked for once."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._ends: OrderedDict[str, int] = OrderedDict()

    async def end_of(self, blockhash: str) -> int:
        """A height beyond which nothing with this blockhash lands.

        Raises BlockhashExpired where the chain does not know it, ChainUnavailable, SigningRefused.
        """
        end = self._ends.get(blockhash)
        if end is None:
            end = self._ends[blockhash] = await self._ask(blockhash)
            if len(self._ends) > KEPT:
                self._ends.popitem(last=False)
        return end

    async def _ask(self, blockhash: str) -> int:
        """A blockhash that is valid is no newer than the latest one, and that one ends last.

        So the latest one is read after it, at the same slot or a later one. Two nodes may be on two forks,
        whose heights differ by less than the blocks that are not final: so many are added.
        """
        try:
            found = await self._rpc.call("isBlockhashValid", blockhash, {"commitment": "processed"})
            with reading("isBlockhashValid"):
                is_valid, slot = found["value"], int(found["context"]["slot"])
            if is_valid is not True:
                raise BlockhashExpired("The chain does not know the blockhash of the venue's transaction.")
            options = {"commitment": "processed", "minContextSlot": slot}
            latest = await self._rpc.call("getLatestBlockhash", options)
            with reading("getLatestBlockhash"):
                return int(latest["value"]["lastValidBlockHeight"]) + NOT_FINAL
        except WrongNode as error:
            raise SigningRefused(str(error), code=error.code) from error
        except (OSError, RpcRefusal) as error:
            raise ChainUnavailable from error
