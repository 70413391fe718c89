"""What a `durableClient` input holds: where the SDK's client finds the hub, and links for callers outside."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

from infra.local.functions_host.bindings import durable_clients
from infra.local.functions_host.protos import TypedData
from infra.local.functions_host.settings import SettingsError
from infra.local.functions_host.worker import IndexedFunction

WEBHOOKS, RPC = "/runtime/webhooks/durabletask", "/durabletask"
_ID = "INSTANCEID"


def system_key(master: str) -> str:
    """The key that opens the hub's endpoints only. The same after a restart, where the master key is."""
    return hmac.new(master.encode(), b"durabletask_extension", hashlib.sha256).hexdigest()


def management_links(url: str, hub: str, key: str, instance_id: str) -> dict[str, str]:
    """Every address of an instance, for a caller outside."""
    query = urlencode({"taskHub": hub, "connection": "Storage", "code": key})
    instance = f"{url}{WEBHOOKS}/instances/{instance_id}"
    return {
        "id": instance_id,
        "statusQueryGetUri": f"{instance}?{query}",
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
        "rewindPostUri": f"{instance}/rewind?reason={{text}}&{query}",
        "purgeHistoryDeleteUri": f"{instance}?{query}",
        "restartPostUri": f"{instance}/restart?{query}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
        "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
    }


def client_input(url: str, hub: str, key: str) -> str:
    """The JSON that the SDK's client is made of."""
    create = f"{url}{WEBHOOKS}/orchestrators/{{functionName}}[/{{instanceId}}]"
    return json.dumps(
        {
            "taskHubName": hub,
            "creationUrls": {
                "createNewInstancePostUri": f"{create}?code={key}",
                "createAndWaitOnNewInstancePostUri": (
                    f"{create}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&code={key}"
                ),
            },
            "managementUrls": management_links(url, hub, key, _ID),
            "baseUrl": f"{url}{WEBHOOKS}",
            "requiredQueryStringParameters": f"code={key}",
            "rpcBaseUrl": f"{url}{RPC}/",
        }
    )


def inputs_of(function: IndexedFunction, url: str, hub: str, key: str) -> dict[str, TypedData]:
    """Raises SettingsError where the function wants the client of another hub."""
    for binding in durable_clients(function):
        if binding.get("taskHub") not in (None, "", hub):
            raise SettingsError(f"function {function.name}: this host has no task hub {binding['taskHub']}")
    datum = TypedData(string=client_input(url, hub, key))
    return {str(binding["name"]): datum for binding in durable_clients(function)}
