"""Who made a commit, as its signatures and its `Co-authored-by:` trailers say."""

import re
from collections.abc import Iterator

NO_ADDRESS = "users.noreply.invalid"
"""The host of the addresses that stand for people whose name alone is known."""

_CO_AUTHOR = re.compile(r"^co-authored-by:[ \t]*([^<\r\n]*?)[ \t]*(?:<([^>\r\n]*)>)?[ \t]*\r?$", re.I | re.M)


def person(name: str, email: str) -> str:
    """The e-mail address, or the name where there is none."""
    address = email.strip()
    has_one = "@" in address and not address.lower().endswith(f"@{NO_ADDRESS}")
    return address if has_one else name.strip() or address


def co_authors(message: str) -> Iterator[str]:
    for name, email in _CO_AUTHOR.findall(message):
        if found := person(name, email):
            yield found
