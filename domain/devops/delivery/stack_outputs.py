"""What a stack's outputs may tell: facts and manifests hold them, so that no secret may be among them."""

import re
from collections.abc import Mapping

# A program may forget to mark a secret: what is called or looks like one is left out as well.
_SECRET_NAME = re.compile(
    r"secret|password|passwd|pwd|credential|connection_?-?string|private_?-?key|access_?-?key|account_?-?key"
    r"|primary_?-?key|secondary_?-?key|api_?-?key|sas_?-?(token|url)|(^|[_-])token|token$|kube_?-?config",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(accountkey|sharedaccesskey|sharedaccesssignature|password|pwd)\s*=|[?&]sig=|://[^/\s:@]+:[^/\s@]+@"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]+\.eyJ[\w-]+\.",
    re.IGNORECASE,
)


def without_secrets(outputs: Mapping[str, str]) -> dict[str, str]:
    """The outputs by name, in the order of their names."""
    return {
        name: value
        for name, value in sorted(outputs.items())
        if not _SECRET_NAME.search(name) and not _SECRET_VALUE.search(value)
    }
