"""`python -m infra.local.connect`: has the laptop cloud's Flux follow environments of a project.

Once per environment, what `flux bootstrap` would do: a namespace of its own in the cluster, in which Flux
follows the branch `env/<environment>` of the project's GitOps repository. A repeat changes nothing.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from domain.kernel.naming import environment_namespace
from domain.kernel.work import Partition
from infra.local.cloud import KUBECONFIG, PAT
from infra.local.kubernetes.bootstrap import connect_environment
from infra.local.kubernetes.kubeconfig import server_of
from infra.local.processes import ROOT


async def connect(config: Path, partition: Partition, environments: Sequence[str], url: str) -> list[str]:
    """Answers the namespaces. Raises `OSError`, `ValueError`, `aiohttp.ClientError`."""
    cluster_url, token = server_of(json.loads(config.read_text()))
    namespaces = [environment_namespace(partition, name) for name in environments]
    for name, namespace in zip(environments, namespaces, strict=True):
        await connect_environment(
            cluster_url,
            token,
            namespace=namespace,
            git_url=url,
            git_username="flux",
            git_password=PAT,
            branch=f"env/{name}",
            path="./",
            interval="1m",
            wait=False,
        )
    return namespaces


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.connect", description=__doc__)
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--environments", required=True, help="with commas between: dev,test,staging,prod")
    parser.add_argument("--repository-url", required=True, help="its GitOps repository's remoteUrl")
    parser.add_argument("--kubeconfig", type=Path, default=ROOT / ".local" / KUBECONFIG)
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    names = [name for name in given.environments.split(",") if name]
    partition = Partition(given.tenant, given.project)
    try:
        namespaces = asyncio.run(connect(given.kubeconfig, partition, names, given.repository_url))
    except (OSError, ValueError, aiohttp.ClientError) as error:
        sys.stderr.write(f"Not connected: {error}\nIs the laptop cloud up (`make up`)?\n")
        return 1
    for name, namespace in zip(names, namespaces, strict=True):
        sys.stdout.write(f"{name}: Flux follows env/{name} into namespace {namespace}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
