"""How kubectl is told where the cluster is and who asks."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

TOKEN_PATH = "/_token/"


def kubeconfig(url: str, token: str, *, namespace: str = "default") -> dict[str, Any]:
    """The content of a kubeconfig file; kubectl reads JSON as well as YAML.

    The token is in the server's path, as kubectl sends none in a header unless the server speaks TLS.
    """
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": f"{url}{TOKEN_PATH}{encoded(token)}"}}],
        "users": [{"name": "local", "user": {}}],
        "contexts": [
            {"name": "local", "context": {"cluster": "local", "user": "local", "namespace": namespace}}
        ],
        "current-context": "local",
    }


def server_of(config: dict[str, Any]) -> tuple[str, str]:
    """URL and token of the cluster that a kubeconfig of ours is about. Raises `ValueError`."""
    try:
        url, path, text = config["clusters"][0]["cluster"]["server"].partition(TOKEN_PATH)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("the kubeconfig names no cluster") from None
    if not path:
        raise ValueError(f"the kubeconfig is of another cluster: {url}")
    return url, decoded(text)


def encoded(token: str) -> str:
    """In letters that no client rewrites in a path."""
    return urlsafe_b64encode(token.encode()).decode().rstrip("=")


def decoded(text: str) -> str:
    """Empty for what is no token."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""
