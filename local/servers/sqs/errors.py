"""What SQS refuses, with the two names that each refusal has on the wire.

    SqsError
    ├─ QueueDoesNotExist, QueueNameExists, ResourceNotFound
    ├─ ReceiptHandleIsInvalid, MessageNotInflight
    ├─ EmptyBatchRequest, TooManyEntriesInBatchRequest, BatchEntryIdsNotDistinct,
    │  InvalidBatchEntryId, BatchRequestTooLong
    ├─ InvalidParameterValue, MissingParameter, InvalidAttributeName, InvalidAttributeValue,
    │  InvalidMessageContents
    └─ UnsupportedOperation, InvalidAction, JournalFailed

`shape` is the JSON protocol's name, `code` the older query protocol's, which boto3 shows as `Error.Code`.
"""

from __future__ import annotations

from typing import ClassVar

QUERY = "AWS.SimpleQueueService."


class SqsError(Exception):
    """A request that SQS refuses, with `text` as its message unless there is more to say."""

    text: ClassVar[str] = ""
    shape: ClassVar[str]
    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.text)

    @property
    def fault(self) -> str:
        """Whose fault it is, in SQS's words."""
        return "Sender" if self.status < 500 else "Receiver"


class QueueDoesNotExist(SqsError):
    text = "The specified queue does not exist."
    shape, code = "QueueDoesNotExist", QUERY + "NonExistentQueue"


class QueueNameExists(SqsError):
    text = "A queue already exists with the same name and different attributes."
    shape, code = "QueueNameExists", "QueueAlreadyExists"


class ResourceNotFound(SqsError):
    text = "The resource that you specified for the SourceArn parameter doesn't exist."
    shape, code = "ResourceNotFoundException", "ResourceNotFoundException"


class ReceiptHandleIsInvalid(SqsError):
    text = "The input receipt handle is invalid."
    shape, code = "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"


class MessageNotInflight(SqsError):
    text = "The message is not in flight."
    shape, code = "MessageNotInflight", QUERY + "MessageNotInflight"


class EmptyBatchRequest(SqsError):
    text = "There should be at least one entry in the request."
    shape, code = "EmptyBatchRequest", QUERY + "EmptyBatchRequest"


class TooManyEntriesInBatchRequest(SqsError):
    text = "Maximum number of entries per request are 10."
    shape, code = "TooManyEntriesInBatchRequest", QUERY + "TooManyEntriesInBatchRequest"


class BatchEntryIdsNotDistinct(SqsError):
    text = "Two entries of the batch have the same Id."
    shape, code = "BatchEntryIdsNotDistinct", QUERY + "BatchEntryIdsNotDistinct"


class InvalidBatchEntryId(SqsError):
    text = "A batch entry id can only contain up to 80 alphanumeric characters, hyphens and underscores."
    shape, code = "InvalidBatchEntryId", QUERY + "InvalidBatchEntryId"


class BatchRequestTooLong(SqsError):
    text = "The messages of the batch are too long together."
    shape, code = "BatchRequestTooLong", QUERY + "BatchRequestTooLong"


class InvalidParameterValue(SqsError):
    text = "A parameter's value is out of its range."
    shape, code = "InvalidParameterValueException", "InvalidParameterValue"


class MissingParameter(SqsError):
    text = "The request must contain a parameter that it lacks."
    shape, code = "MissingRequiredParameterException", "MissingParameter"


class InvalidAttributeName(SqsError):
    text = "A queue has no attribute of that name."
    shape, code = "InvalidAttributeName", "InvalidAttributeName"


class InvalidAttributeValue(SqsError):
    text = "A queue's attribute cannot have that value."
    shape, code = "InvalidAttributeValue", "InvalidAttributeValue"


class InvalidMessageContents(SqsError):
    text = "The message contains characters outside the allowed set."
    shape, code = "InvalidMessageContents", "InvalidMessageContents"


class UnsupportedOperation(SqsError):
    text = "That operation is not supported."
    shape, code = "UnsupportedOperation", QUERY + "UnsupportedOperation"


class InvalidAction(SqsError):
    text = "The action or operation requested is invalid."
    shape, code = "InvalidAction", "InvalidAction"


class JournalFailed(SqsError):
    text = "The change could not be written down, so it may be lost with this process."
    shape, code, status = "InternalError", "InternalError", 500
