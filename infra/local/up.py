"""`make up`: the laptop cloud stays up until Ctrl-C; its data is kept in .local/ for the next time."""

import argparse
import asyncio
import fcntl
import logging
import sys

import aiohttp
from rich.console import Console
from rich.markup import escape

from infra.local.cloud import REGISTRY_LOGIN, Cloud, Ports
from infra.local.issuer.client import token
from infra.local.issuer.people import PEOPLE
from infra.local.lifetime import told_to_stop
from infra.local.processes import ROOT, NotStarted

FUNCTION_KEY = "laptop-cloud-key"
DATA = ROOT / ".local"
CONNECT = (
    ".venv/bin/python -m infra.local.connect --tenant contoso --project shop"
    " --environments dev,test,staging,prod --repository-url <remoteUrl of its GitOps repository>"
)
# Longer than anybody keeps the laptop cloud up: the keys are new each time.
TOKEN_LIFETIME = 30 * 24 * 3600


async def main(with_host: bool) -> int:
    console = Console()
    stop = told_to_stop(None)
    cloud = Cloud(
        DATA,
        persistent=True,
        function_key=FUNCTION_KEY,
        ports=Ports.usual(),
        with_host=with_host,
    )
    try:
        with console.status("starting the laptop cloud"):
            await cloud.__aenter__()
    except NotStarted as error:
        console.print(f"[red]The laptop cloud did not start:[/red] {error}")
        return 1
    try:
        for name, value in _overview(cloud):
            # One line each, however long: they are there to be copied.
            console.print(f"[bold]{name:18}[/bold] {escape(value)}", soft_wrap=True, highlight=False)
        await _print_tokens(cloud, console)
        console.print("Ctrl-C stops it; logs and data are in .local/")
        await stop.wait()
        console.print("stopping ...")
    finally:
        await cloud.__aexit__()
    return 0


async def _print_tokens(cloud: Cloud, console: Console) -> None:
    """A token for each of the people, ready for the shell."""
    issuer = cloud.issuer.ready["url"]
    console.print("\nPeople and their roles in every tenant; each line sets a variable of the shell:")
    async with aiohttp.ClientSession() as session:
        for person, roles in PEOPLE.items():
            made = await token(session, issuer, person, lifetime=TOKEN_LIFETIME)
            line = f"{person.upper()}={made}  # {', '.join(roles)}"
            console.print(line, soft_wrap=True, highlight=False, markup=False)
    if cloud.with_host:
        path = f"{cloud.url}/api/tenants/contoso/projects/shop"
        example = f'curl -s {path}/repositories -H "Authorization: Bearer $ADA"'
        console.print(example, soft_wrap=True, highlight=False, markup=False)
    asked = f"""curl -s {issuer}/token -d '{{"person": "eve", "roles": ["reader@contoso"]}}'"""
    console.print(f"For anybody else: {asked}\n", soft_wrap=True, highlight=False, markup=False)


def _overview(cloud: Cloud) -> list[tuple[str, str]]:
    overview = [
        ("Storage", cloud.azurite.ready["connectionString"]),
        ("Service Bus", cloud.service_bus.ready["connectionString"]),
        ("Azure DevOps", f"{cloud.azure_devops.ready['url']}/{{tenantId}}/{{projectId}}"),
        ("Azure DevOps PAT", cloud.azure_devops.ready["pat"]),
        ("Registry", f"{cloud.registry_url} (user and password {REGISTRY_LOGIN})"),
        ("Kubernetes", f"{cloud.kubernetes.ready['url']} (export KUBECONFIG={cloud.kubeconfig})"),
        ("Flux for a project", CONNECT),
        ("Pulumi", f"{cloud.pulumi.ready['url']} (token {cloud.pulumi.ready['token']})"),
        ("Resource Manager", cloud.resource_manager.ready["url"]),
        ("Token issuer", cloud.issuer.ready["url"]),
    ]
    if not cloud.with_host:
        return overview
    api = [
        ("API", f"{cloud.url}/api"),
        ("Health", f"{cloud.url}/api/health"),
        ("x-functions-key", cloud.function_key),
    ]
    return api + overview


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-host", action="store_true", help="for running the app with `func start`")
    arguments = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    with (DATA / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # two would write the same files
        except BlockingIOError:
            sys.exit("The laptop cloud is up already: its data in .local/ is in use.")
        sys.exit(asyncio.run(main(with_host=not arguments.without_host)))
