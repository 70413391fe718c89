"""Topic subscriptions -> reactions, and the queue of what the outside world did."""

import azure.durable_functions as df
import azure.functions as func

from domain.catalogue import catalogue
from domain.kernel.actor import service
from domain.kernel.context import OBSERVATIONS, REACTIONS, RUN_ORCHESTRATION, Context, snake
from domain.kernel.envelope import Envelope
from domain.reactions import following, reactions
from functions.bootstrap import platform
from functions.commands import handle_message
from functions.messages import to_message
from functions.orchestrations import begin

blueprint = df.Blueprint()

ACTOR = "reactions"


@blueprint.function_name("observations")
@blueprint.service_bus_queue_trigger(arg_name="message", queue_name=OBSERVATIONS, connection="ServiceBus")
@blueprint.durable_client_input(client_name="client")
async def observations(message: func.ServiceBusMessage, client: df.DurableOrchestrationClient) -> None:
    """What the outside did, and what commits have to be taken on by an orchestration."""
    if (message.application_properties or {}).get("cs-event-type") != RUN_ORCHESTRATION:
        await handle_message(message, None)
        return
    # Checks the proof, too: only a commit of ours begins an orchestration.
    initiator = platform().identity.initiator_of(message)
    await begin(client, Envelope.parse(message.get_body()), initiator)


async def react(message: func.ServiceBusMessage) -> None:
    """Send the commands that follow from a fact, as the deed of whoever the fact is from. A redelivery sends
    the same ids again: they count once."""
    actor = service(ACTOR, platform().identity.initiator_of(message))
    commands = await following(Envelope.parse(message.get_body()), platform().store)
    await platform().broker.publish([to_message(command, actor) for command in commands])


def _register(context: Context) -> None:
    async def from_topic(message: func.ServiceBusMessage) -> None:
        await react(message)

    blueprint.function_name(f"{snake(context.name).replace('-', '_')}_reactions")(
        blueprint.service_bus_topic_trigger(
            arg_name="message",
            topic_name=context.topic,
            subscription_name=REACTIONS,
            connection="ServiceBus",
        )(from_topic)
    )


for _context in catalogue().contexts:
    if any(event in reactions.by_event for event in _context.events):
        _register(_context)
