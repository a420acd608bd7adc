"""The function that manages API keys, and halts trading: for who may invoke functions, not for clients.

{"action": "create", "account", "name", "scopes": [...], "expiresInMs"?}   the key, once
{"action": "list", "account"?}
{"action": "revoke", "id"}
{"action": "rotate", "id", "overlapMs"?}                                   the new key, once
{"action": "bootstrap"}              the secret that holds a deployment's first key, which is made if need be
{"action": "halt", "reason"?}        stop trading, where WORLD can be halted
{"action": "resume"}                 go on trading
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from .. import runtime
from ..domain.errors import EngineError
from .wire import answers
from .wire.admin import (
    AdminRequest,
    Bootstrap,
    CreateKey,
    FirstKey,
    Halt,
    HaltState,
    ListKeys,
    Resume,
    RevokeKey,
    RotateKey,
    admin_request,
)
from .wire.schemas import Object

log = logging.getLogger(__name__)


def manage(event: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the event says, and answer as the API does; a refusal is `{error, code}`."""
    try:
        answer = _do(admin_request(event))
    except EngineError as error:
        answer = answers.error(error)
    found: dict[str, Any] = msgspec.to_builtins(answer)
    return found


def _do(request: AdminRequest) -> Object:
    engine = runtime.current()
    keys = engine.key_management
    match request:
        case CreateKey(account, name, scopes, expires_in_ms):
            expires_at = (
                None if expires_in_ms is None else datetime.now(UTC) + timedelta(milliseconds=expires_in_ms)
            )
            made = runtime.run(keys.create(account, name, scopes, expires_at))
            log.info("key created key=%s account=%s", made.key.id, account)
            return answers.new_key(made)
        case ListKeys(account):
            return answers.keys(runtime.run(keys.list(account)))
        case RevokeKey(key_id):
            runtime.run(keys.revoke(key_id))
            log.info("key revoked key=%s", key_id)
            return answers.keys([])
        case RotateKey(key_id, overlap_ms):
            made = runtime.run(keys.rotate(key_id, overlap_ms))
            log.info("key rotated key=%s by=%s", key_id, made.key.id)
            return answers.new_key(made)
        case Bootstrap():
            first = runtime.run(keys.bootstrap(engine.kept_key))
            secret = engine.config.admin_key_secret
            if first is not None:
                log.info("first key created key=%s secret=%s", first.key.id, secret)
            return FirstKey(secret=secret, made=first is not None)
        case Halt(reason):
            return _halt_state(runtime.run(engine.halting.halt(reason)))
        case Resume():
            return _halt_state(runtime.run(engine.halting.resume()))


def _halt_state(reason: str | None) -> HaltState:
    log.info("trading %s reason=%s", "resumed" if reason is None else "halted", reason)
    return HaltState(halted=reason is not None, reason=reason)
