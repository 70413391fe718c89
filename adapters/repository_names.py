"""Names of container repositories by the OCI grammar, and whose they are."""

import re

from domain.kernel.errors import Rejected, require
from domain.kernel.naming import registry_prefix
from domain.kernel.work import Partition

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST = 255


def is_digest(reference: str) -> bool:
    return _DIGEST.fullmatch(reference) is not None


def require_own(partition: Partition, repository: str) -> None:
    """Raises `Rejected` for what is no repository, or another project's."""
    valid = len(repository) <= _LONGEST and _NAME.fullmatch(repository) is not None
    require(valid, f"{repository} is not the name of a repository")
    prefix = registry_prefix(partition)
    if not repository.startswith(prefix):
        raise Rejected(f"repository {repository} is not this project's: its repositories begin with {prefix}")


def require_reference(reference: str) -> None:
    """Raises `Rejected` for what is neither a tag nor a digest."""
    valid = is_digest(reference) or _TAG.fullmatch(reference) is not None
    require(valid, f"{reference} is neither a tag nor a sha256 digest")
