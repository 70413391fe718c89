"""From the worker's raw bindings to what each trigger needs, with every `%setting%` resolved."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from infra.local.functions_host.settings import SettingsError, resolve
from infra.local.functions_host.worker import Binding, IndexedFunction

AuthLevel = Literal["ANONYMOUS", "FUNCTION", "ADMIN"]


@dataclass(frozen=True)
class HttpTrigger:
    """`methods` empty means every method; `route` is relative to the prefix; `output` names the response."""

    function: IndexedFunction
    parameter: str
    route: str
    methods: frozenset[str]
    auth_level: AuthLevel
    output: str


@dataclass(frozen=True)
class ServiceBusTrigger:
    """A queue (`subscription` None) or a topic's subscription. `connection` names an app setting."""

    function: IndexedFunction
    parameter: str
    connection: str
    entity: str
    subscription: str | None
    batch: bool
    binary: bool
    auto_complete: bool | None

    @property
    def path(self) -> str:
        return self.entity if self.subscription is None else f"{self.entity}/{self.subscription}"


@dataclass(frozen=True)
class TimerTrigger:
    """`schedule` is an NCRONTAB expression or a time span."""

    function: IndexedFunction
    parameter: str
    schedule: str
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True)
class OrchestrationTrigger:
    """A Durable orchestrator. `name` is what clients and other orchestrators call it by."""

    function: IndexedFunction
    parameter: str
    name: str


@dataclass(frozen=True)
class ActivityTrigger:
    """A Durable activity. `name` is what orchestrators call it by."""

    function: IndexedFunction
    parameter: str
    name: str


@dataclass(frozen=True)
class UnsupportedTrigger:
    """A trigger that this host has no source for: the function is listed but never runs by itself."""

    function: IndexedFunction
    parameter: str
    type: str


Trigger = (
    HttpTrigger
    | ServiceBusTrigger
    | TimerTrigger
    | OrchestrationTrigger
    | ActivityTrigger
    | UnsupportedTrigger
)


def trigger_type(trigger: Trigger) -> str:
    """The binding type, as in the function's metadata."""
    return str(_trigger_binding(trigger.function)["type"])


def read_trigger(function: IndexedFunction) -> Trigger:
    """The function's trigger. Raises SettingsError for what can't be honoured at all."""
    binding = _trigger_binding(function)
    _refuse_unsupported(function)
    readers: dict[str, Callable[[IndexedFunction, Binding], Trigger]] = {
        "httptrigger": _http,
        "servicebustrigger": _service_bus,
        "timertrigger": _timer,
        "orchestrationtrigger": _orchestration,
        "activitytrigger": _activity,
    }
    reader = readers.get(str(binding["type"]).lower())
    try:
        if reader is not None:
            return reader(function, binding)
    except SettingsError as error:
        raise SettingsError(f"function {function.name}: {error}") from error
    return UnsupportedTrigger(function, str(binding["name"]), str(binding["type"]))


def _trigger_binding(function: IndexedFunction) -> Binding:
    # Not always the first: outputs and clients that were declared above it come before.
    found = [binding for binding in function.bindings if str(binding["type"]).lower().endswith("trigger")]
    if len(found) != 1:
        raise SettingsError(f"function {function.name} must have exactly one trigger, it has {len(found)}")
    return found[0]


def _refuse_unsupported(function: IndexedFunction) -> None:
    for binding in function.bindings:
        kind = str(binding["type"]).lower()
        if kind == "entitytrigger":
            raise SettingsError(f"function {function.name}: this host has no Durable entities")
        if kind in ("http", "durableclient") or kind.endswith("trigger"):
            continue
        # Dropping an output without a word would lose data, so the host does not start.
        raise SettingsError(f"function {function.name}: this host has no {binding['type']} binding")


def _http(function: IndexedFunction, binding: Binding) -> HttpTrigger:
    outputs = [other["name"] for other in function.bindings if str(other["type"]).lower() == "http"]
    route = binding.get("route")
    level = str(binding.get("authLevel") or "FUNCTION").upper()
    if level not in ("ANONYMOUS", "FUNCTION", "ADMIN"):
        raise SettingsError(f"unknown authorization level {level}")
    return HttpTrigger(
        function=function,
        parameter=str(binding["name"]),
        route=resolve(str(route if route is not None else function.name)).strip("/"),
        methods=frozenset(str(method).upper() for method in binding.get("methods") or ()),
        auth_level=level,  # type: ignore[arg-type]
        output=str(outputs[0]) if outputs else "$return",
    )


def _service_bus(function: IndexedFunction, binding: Binding) -> ServiceBusTrigger:
    if binding.get("isSessionsEnabled"):
        raise SettingsError("this host does not receive from sessions")
    queue, topic = binding.get("queueName"), binding.get("topicName")
    subscription = binding.get("subscriptionName")
    if bool(queue) == bool(topic and subscription):
        raise SettingsError("a Service Bus trigger needs a queue, or a topic and a subscription")
    auto = binding.get("autoCompleteMessages", binding.get("autoComplete"))
    return ServiceBusTrigger(
        function=function,
        parameter=str(binding["name"]),
        connection=resolve(str(binding.get("connection") or "")),
        entity=resolve(str(queue or topic)),
        subscription=None if queue else resolve(str(subscription)),
        batch=str(binding.get("cardinality") or "ONE").upper() == "MANY",
        binary=str(binding.get("dataType") or "").upper() == "BINARY",
        auto_complete=None if auto is None else bool(auto),
    )


def _timer(function: IndexedFunction, binding: Binding) -> TimerTrigger:
    return TimerTrigger(
        function=function,
        parameter=str(binding["name"]),
        schedule=resolve(str(binding["schedule"])),
        run_on_startup=bool(binding.get("runOnStartup")),
        use_monitor=bool(binding.get("useMonitor", True)),
    )


def _orchestration(function: IndexedFunction, binding: Binding) -> OrchestrationTrigger:
    name = str(binding.get("orchestration") or function.name)
    return OrchestrationTrigger(function, str(binding["name"]), resolve(name))


def _activity(function: IndexedFunction, binding: Binding) -> ActivityTrigger:
    name = str(binding.get("activity") or function.name)
    return ActivityTrigger(function, str(binding["name"]), resolve(name))


def durable_clients(function: IndexedFunction) -> list[Binding]:
    """The function's `durableClient` inputs."""
    return [each for each in function.bindings if str(each["type"]).lower() == "durableclient"]
