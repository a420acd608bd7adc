"""What the wallet holds of a token."""

from __future__ import annotations

from .inspection import token_account
from .rpc import Rpc, RpcRefusal, reading

NO_ACCOUNT = -32602  # "could not find account", among other parameters that are wrong


class Balances:
    """The wallet's associated token accounts, as a block of `commitment` has them."""

    def __init__(self, rpc: Rpc, wallet: str, commitment: str) -> None:
        self._rpc = rpc
        self.wallet = wallet
        self._commitment = commitment

    async def of(self, mint: str) -> int:
        """Base units; 0 where there is no account. Raises OSError."""
        account = token_account(self.wallet, mint)
        try:
            found = await self._rpc.call("getTokenAccountBalance", account, {"commitment": self._commitment})
        except RpcRefusal as refusal:
            if refusal.code == NO_ACCOUNT:
                return 0
            raise OSError(str(refusal)) from refusal
        with reading("getTokenAccountBalance"):
            return int(found["value"]["amount"])
