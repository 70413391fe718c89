"""What the broker refuses, with the AMQP conditions that the SDKs map to their exceptions."""

NOT_FOUND = "amqp:not-found"
NOT_ALLOWED = "amqp:not-allowed"
NOT_IMPLEMENTED = "amqp:not-implemented"
DECODE_ERROR = "amqp:decode-error"
SIZE_EXCEEDED = "amqp:link:message-size-exceeded"
ARGUMENT_ERROR = "com.microsoft:argument-error"
LOCK_LOST = "com.microsoft:message-lock-lost"
MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"
DEAD_LETTER = "com.microsoft:dead-letter"


class Refused(Exception):
    """The broker says no; the client gets the condition and the description."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def lock_lost() -> Refused:
    return Refused(
        LOCK_LOST,
        "The lock supplied is invalid. Either the lock expired, or the message has already been removed"
        " from the queue.",
    )
