"""The permissions that the functions' calls of AWS need: each is recorded before it is sent.

SQS is a real one. Lambda, Secrets Manager and @connections are answered here, without a network.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from botocore.session import Session
from chalicelib.adapters.aws import clients
from chalicelib.adapters.aws.signed_http import Answer, SignedHttp

ACTIONS = {  # operation → action, where IAM's name for it is not the operation's own
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "Invoke": "InvokeFunction",
}
ACCOUNT = "REGION:ACCOUNT"  # as the resolved template calls the two


class Permission(NamedTuple):
    action: str
    resource: str


class Recorder:
    """Records calls while `recording`; `queues` are the real queues' ARNs in the template, by URL."""

    def __init__(self, queues: Mapping[str, str], secrets: Mapping[str, Mapping[str, str] | None]) -> None:
        self.operations: set[str] = set()
        self._queues = queues
        self._secrets = secrets
        self._noted: set[Permission] = set()

    @contextmanager
    def recording(self, keys: Mapping[str, str]) -> Iterator[None]:
        """Record the calls of every client made within the block, which gets `keys` as its environment."""
        session = Session()
        register: Any = session.register  # its type knows no handler that names its arguments, or answers
        register("before-parameter-build", self._note)
        register("before-send.secrets-manager", self._send_secret)
        register("before-send.lambda", lambda request, **_: _answer(request, 202))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients, "_session", lambda: session)
            for name, value in keys.items():
                patch.setenv(name, value)
            patch.setattr(SignedHttp, "call", self._push)
            yield

    async def _push(self, method: str, path: str, body: bytes = b"") -> Answer:
        """What `SignedHttp` does for a push, without sending it."""
        assert path.startswith("/@connections/")
        resource = f"arn:aws:execute-api:{ACCOUNT}:WebsocketAPI/v1/{method}/@connections/*"
        self._noted.add(Permission("execute-api:ManageConnections", resource))
        return Answer(200, b"")

    @contextmanager
    def recorded(self) -> Iterator[set[Permission]]:
        """The permissions that the calls within the block need."""
        self._noted = set()
        try:
            yield self._noted
        finally:
            self._noted = set()

    def _note(self, params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
        operation, service = model.name, model.service_model.service_name
        action = f"{service}:{ACTIONS.get(operation, operation)}"
        self.operations.add(operation)
        self._noted.add(Permission(action, self._resource(params, model)))

    def _resource(self, params: Mapping[str, Any], model: OperationModel) -> str:
        match params:
            case {"QueueUrl": url}:
                return self._queues[url]
            case {"FunctionName": name}:
                return f"arn:aws:lambda:{ACCOUNT}:function:{name}"
            case {"SecretId": arn}:
                return str(arn)
        raise AssertionError(f"{model.name} of {params} is on an unknown resource")

    def _send_secret(self, request: Any, **_: Any) -> AWSResponse:
        """A secret without a value answers as AWS does, and takes one."""
        arn = json.loads(request.body)["SecretId"]
        if request.headers["X-Amz-Target"] in (
            "secretsmanager.PutSecretValue",
            b"secretsmanager.PutSecretValue",
        ):
            return _answer(request, 200, {"ARN": arn})
        if self._secrets[arn] is None:
            return _answer(request, 400, {"__type": "ResourceNotFoundException"})
        return _answer(request, 200, {"ARN": arn, "SecretString": json.dumps(self._secrets[arn])})


class _Body(io.BytesIO):
    """A response body with urllib3's interface."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _answer(request: Any, status: int, body: Mapping[str, Any] | None = None) -> AWSResponse:
    text = b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/x-amz-json-1.1", "content-length": str(len(text))}
    return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Body(text))
