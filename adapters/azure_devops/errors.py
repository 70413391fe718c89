"""What the service's refusals mean: by typeKey, then by TF number, never by their text."""

import re
from enum import Enum, auto
from typing import Any

from domain.kernel.errors import Rejected, Unavailable

SERVICE = "Azure DevOps"


class Kind(Enum):
    """The refusals that a caller treats in a way of its own."""

    REPOSITORY_EXISTS = auto()
    REPOSITORY_MISSING = auto()
    REF_STALE = auto()
    REF_PROTECTED = auto()
    PULL_REQUEST_EXISTS = auto()
    PULL_REQUEST_STALE = auto()
    PULL_REQUEST_CLOSED = auto()
    POLICIES_UNMET = auto()
    COMMIT_MISSING = auto()
    ITEM_MISSING = auto()
    PIPELINE_INVALID = auto()
    OTHER = auto()


_BY_TYPE_KEY = {
    "GitRepositoryNotFoundException": Kind.REPOSITORY_MISSING,
    "GitReferenceStaleException": Kind.REF_STALE,
    "GitRefUpdateRejectedByPolicyException": Kind.REF_PROTECTED,
    "GitPullRequestExistsException": Kind.PULL_REQUEST_EXISTS,
    "GitPullRequestStaleException": Kind.PULL_REQUEST_STALE,
    "GitPullRequestNotEditableException": Kind.PULL_REQUEST_CLOSED,
    "GitPullRequestUpdateRejectedByPolicyException": Kind.POLICIES_UNMET,
    "GitUnresolvableToCommitException": Kind.COMMIT_MISSING,
    "GitItemNotFoundException": Kind.ITEM_MISSING,
    "PipelineValidationException": Kind.PIPELINE_INVALID,
}
_BY_NUMBER = {
    "TF400948": Kind.REPOSITORY_EXISTS,
    "TF401019": Kind.REPOSITORY_MISSING,
    "TF401028": Kind.REF_STALE,
    "TF401174": Kind.ITEM_MISSING,
    "TF401175": Kind.COMMIT_MISSING,
    "TF401179": Kind.PULL_REQUEST_EXISTS,
    "TF401181": Kind.PULL_REQUEST_CLOSED,
    "TF401192": Kind.PULL_REQUEST_STALE,
    "TF402455": Kind.REF_PROTECTED,
}
_NUMBER = re.compile(r"\b(?:TF|VS)\d{5,6}\b")

# The request itself was wrong or against the rules; it will be refused the next time too.
_ABOUT_THE_REQUEST = (400, 403, 409, 413, 422)


def classify(type_key: str, message: str) -> Kind:
    """The kind of a refusal from its body's `typeKey` and the TF number in its `message`."""
    if type_key in _BY_TYPE_KEY:
        return _BY_TYPE_KEY[type_key]
    number = _NUMBER.search(message)
    return _BY_NUMBER.get(number[0], Kind.OTHER) if number else Kind.OTHER


class Refusal(Exception):
    """A 4xx that says something about the request."""

    def __init__(self, status: int, body: Any, action: str) -> None:
        fields = body if isinstance(body, dict) else {}
        self.status = status
        self.message = str(fields.get("message") or f"it answered {status}")
        self.type_key = str(fields.get("typeKey") or "")
        self.kind = classify(self.type_key, self.message)
        super().__init__(f"{action}: {status} {self.type_key} {self.message}")

    def outcome(self) -> Rejected | Unavailable:
        """What a caller that has no better answer raises."""
        if self.kind is Kind.REPOSITORY_MISSING:
            return Rejected(f"repository does not exist, is disabled or is closed to us: {self.message}")
        if self.status in _ABOUT_THE_REQUEST:
            return Rejected(self.message)
        return Unavailable(SERVICE, str(self))
