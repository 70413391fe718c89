"""Service hooks: one working subscription per event type, posting to one URL."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.azure_devops.client import Api
from adapters.azure_devops.convergence import Collection, Existing, converge
from adapters.azure_devops.paging import Json
from domain.provided import ProvidedHook

# The shape of the payload; of builds, 1.0 is the shape of the XAML builds of old.
_RESOURCE_VERSIONS = {"build.complete": "2.0"}
_PIPELINES = "ms.vss-pipelines."
_PIPELINES_VERSION = "5.1-preview.1"


@dataclass(frozen=True)
class Receiver:
    """Where the service posts to, and what it signs in with."""

    url: str
    user: str
    password: str

    @property
    def key_header(self) -> str:
        """The service never shows a password again: by this, a subscription with an older one is known."""
        return f"CS-Hook-Key: {hashlib.sha256(self.password.encode()).hexdigest()[:12]}"


async def register_hooks(
    api: Api, repository_id: str, event_types: Sequence[str], receiver: Receiver
) -> list[ProvidedHook]:
    repository = await api.get(f"git/repositories/{repository_id}")
    inputs = {"projectId": str(repository["project"]["id"]), "repository": repository_id}
    return await subscribe(api, inputs, event_types, receiver)


async def subscribe(
    api: Api, inputs: Mapping[str, str], event_types: Sequence[str], receiver: Receiver
) -> list[ProvidedHook]:
    """Have one subscription per event type, all of them of one publisher, filtered by these inputs."""
    if not event_types:
        return []
    subscriptions = _Subscriptions(api, inputs, receiver, event_types)
    kept = await converge(api, subscriptions, list(dict.fromkeys(event_types)))
    return [ProvidedHook(existing.id, existing.key, str(existing.body["status"])) for existing in kept]


def publisher_of(event_type: str) -> str:
    return "pipelines" if event_type.startswith(_PIPELINES) else "tfs"


def _resource_version(event_type: str) -> str:
    default = _PIPELINES_VERSION if event_type.startswith(_PIPELINES) else "1.0"
    return _RESOURCE_VERSIONS.get(event_type, default)


class _Subscriptions(Collection):
    """Those with these inputs to our URL, of the event types asked for. All others are somebody else's."""

    def __init__(
        self, api: Api, inputs: Mapping[str, str], receiver: Receiver, event_types: Sequence[str]
    ) -> None:
        self._api, self._inputs, self._receiver, self._event_types = api, inputs, receiver, event_types

    async def list(self) -> list[Existing]:
        condition = {"inputId": "projectId", "operator": "equals", "inputValue": self._inputs["projectId"]}
        query = {
            "publisherId": publisher_of(self._event_types[0]),
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputFilters": [{"conditions": [condition]}],
        }
        # A query that happens to be a POST: it may be repeated.
        answer = await self._api.request("POST", "hooks/subscriptionsquery", body=query, org=True, safe=True)
        return [self._existing(one) for one in answer.body.get("results") or [] if self._ours(one)]

    async def create(self, key: str) -> Existing:
        return self._existing(await self._api.send("POST", "hooks/subscriptions", self._body(key), org=True))

    async def repair(self, existing: Existing) -> None:
        body = {**self._body(existing.key), "id": existing.id, "status": "enabled"}
        await self._api.send("PUT", f"hooks/subscriptions/{existing.id}", body, org=True)

    async def delete(self, existing: Existing) -> None:
        await self._api.request("DELETE", f"hooks/subscriptions/{existing.id}", org=True)

    def _ours(self, subscription: Json) -> bool:
        publisher, consumer = subscription["publisherInputs"], subscription["consumerInputs"]
        return (
            consumer.get("url") == self._receiver.url
            and all(publisher.get(name) == value for name, value in self._inputs.items())
            and subscription["eventType"] in self._event_types
        )

    def _body(self, event_type: str) -> Json:
        return {
            "publisherId": publisher_of(event_type),
            "eventType": event_type,
            "resourceVersion": _resource_version(event_type),
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputs": dict(self._inputs),
            "consumerInputs": {
                "url": self._receiver.url,
                "basicAuthUsername": self._receiver.user,
                "basicAuthPassword": self._receiver.password,
                "httpHeaders": self._receiver.key_header,
                # A reduced resource need not name the branch or the pull request that is to be read again.
                "resourceDetailsToSend": "all",
                "messagesToSend": "none",
                "detailedMessagesToSend": "none",
            },
        }

    def _existing(self, subscription: Json) -> Existing:
        # One on probation is being tried by the service itself; one that is disabled never is.
        works = not str(subscription["status"]).startswith("disabled")
        signs_in = subscription["consumerInputs"].get("httpHeaders") == self._receiver.key_header
        age = (str(subscription.get("createdDate") or ""), str(subscription["id"]))
        id = str(subscription["id"])
        return Existing(str(subscription["eventType"]), id, age, works and signs_in, subscription)
