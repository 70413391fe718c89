"""What the service answers when it refuses: HTTP status, typeKey and the TF number in the message."""

from __future__ import annotations

from typing import Any

from infra.local.emulation.refusal import Refusal, Refusals


class ApiError(Refusal):
    """A refusal that the client sees as a JSON body with a typeKey."""

    def __init__(
        self, status: int, type_key: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers)
        self.type_key = type_key

    def body(self) -> dict[str, Any]:
        return {
            "$id": "1",
            "innerException": None,
            "message": self.message,
            "typeName": f"Microsoft.TeamFoundation.Git.Server.{self.type_key}, "
            "Microsoft.TeamFoundation.Git.Server",
            "typeKey": self.type_key,
            "errorCode": 0,
            "eventId": 3000,
        }


PROTECTED_BRANCH = (
    "TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch."
)


def unauthenticated() -> ApiError:
    return ApiError(
        401,
        "UnauthorizedRequestException",
        "TF400813: The user '' is not authorized to access this resource.",
        {"WWW-Authenticate": 'Basic realm="http://127.0.0.1/"'},
    )


def throttled(retry_after: float) -> ApiError:
    return ApiError(
        429,
        "RequestBlockedException",
        "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource "
        "'DBCPU' in namespace 'User'.",
        {"Retry-After": f"{retry_after:g}", "X-RateLimit-Resource": "DBCPU", "X-RateLimit-Remaining": "0"},
    )


def unavailable() -> ApiError:
    return ApiError(503, "GitServiceUnavailableException", "The Git service is temporarily unavailable.")


def broken() -> ApiError:
    return ApiError(500, "UnhandledException", "TF400898: An Internal Error Occurred.")


def invalid_argument(message: str) -> ApiError:
    return ApiError(400, "InvalidArgumentValueException", message)


REFUSALS = Refusals(invalid_argument, throttled, lambda _: unavailable(), broken)


def not_found(type_key: str, message: str) -> ApiError:
    return ApiError(404, type_key, message)


def repository_not_found(name: str) -> ApiError:
    return ApiError(
        404,
        "GitRepositoryNotFoundException",
        f"TF401019: The Git repository with name or identifier {name} does not exist or you do not have "
        "permissions for the operation you are attempting.",
    )


def repository_exists(name: str) -> ApiError:
    return ApiError(
        409,
        "GitRepositoryNameAlreadyExistsException",
        f"TF400948: A Git repository with the name {name} already exists.",
    )


def stale_reference(name: str) -> ApiError:
    return ApiError(
        409,
        "GitReferenceStaleException",
        f"TF401028: The reference '{name}' has already been updated by another client, "
        "so you cannot update it. Please try again.",
    )


def protected_branch() -> ApiError:
    return ApiError(403, "GitRefUpdateRejectedByPolicyException", PROTECTED_BRANCH)


def unresolvable(version: str, repository: str) -> ApiError:
    return ApiError(
        404,
        "GitUnresolvableToCommitException",
        f"TF401175: The version descriptor <{version}> could not be resolved to a version in the "
        f"repository {repository}",
    )


def item_not_found(path: str, repository: str, version: str, status: int = 404) -> ApiError:
    return ApiError(
        status,
        "GitItemNotFoundException",
        f"TF401174: The item '{path}' could not be found in the repository '{repository}' at the version "
        f"specified by '{version}'.",
    )


def pull_request_not_found() -> ApiError:
    return ApiError(
        404, "GitPullRequestNotFoundException", "TF401180: The requested pull request was not found."
    )


def pull_request_exists() -> ApiError:
    return ApiError(
        409,
        "GitPullRequestExistsException",
        "TF401179: An active pull request for the source and target branch already exists.",
    )


def pull_request_not_editable() -> ApiError:
    return ApiError(
        409,
        "GitPullRequestNotEditableException",
        "TF401181: The pull request cannot be edited due to its state.",
    )


def stale_pull_request() -> ApiError:
    return ApiError(
        409,
        "GitPullRequestStaleException",
        "TF401192: The pull request is stale: its source branch has moved past lastMergeSourceCommit.",
    )


def policies_unmet(names: list[str]) -> ApiError:
    return ApiError(
        403,
        "GitPullRequestUpdateRejectedByPolicyException",
        f"TF402461: The pull request cannot be completed, policies are not met: {', '.join(names)}.",
    )
