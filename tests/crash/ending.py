"""What a message came to, compared up to moments: reply, state, messages, trace, effects at the provider."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from domain.catalogue import catalogue
from domain.kernel.envelope import Message
from domain.kernel.journal import Journal
from domain.kernel.work import Partition
from domain.ports import Store

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
# A proof is over a body with its moments.
_PROOF = re.compile(r'(cs-proof\\*": \\*")[0-9a-f]{64}')


def timeless(value: Any) -> str:
    """JSON text without its moments and what is made of them; key order does not count."""
    return _PROOF.sub(r"\1<proof>", _MOMENT.sub("<moment>", json.dumps(value, sort_keys=True, default=dict)))


type States = Mapping[str, str]


async def states(store: Store, partition: Partition) -> States:
    """Every aggregate of the project: how many facts it recorded, and its state."""
    found: dict[str, str] = {}
    for kind in catalogue().aggregates.values():
        after = None
        while True:
            page = await store.page(partition, kind, 100, after)
            for loaded in page.items:
                one = loaded.aggregate
                found[f"{kind.kind} {one.id}"] = timeless([one.aggregate_version, json.loads(one.state())])
            after = page.next
            if after is None:
                break
    return found


def bytes_of(message: Message) -> tuple[str, str, str]:
    """All that goes over the wire, besides the id."""
    return message.destination, message.body, json.dumps(dict(message.properties), sort_keys=True)


def assert_committed(published: Iterable[Message], journal: Journal | None) -> None:
    """Nothing goes out that is not, byte for byte, in the journal."""
    committed = {one.message_id: bytes_of(one) for one in journal.messages} if journal is not None else {}
    for message in published:
        assert message.message_id in committed, f"{message.message_id} was published, not committed"
        assert bytes_of(message) == committed[message.message_id], f"{message.message_id} differs"


@dataclass(frozen=True)
class Ending:
    """`trace`: the nodes of this command, as the index has them."""

    reply: str
    states: States
    messages: str
    trace: str
    effects: Mapping[str, int]


async def ending(
    store: Store, partition: Partition, id: str, published: Iterable[Message], effects: Counter[str]
) -> Ending:
    """Look at everything; raises `AssertionError` for what must hold by itself, whatever was expected."""
    journal = await store.handled(partition, id)
    assert journal is not None, "the command was lost"
    assert not journal.pending, "its outbox row is still there"
    sent = list(published)
    assert_committed(sent, journal)
    first_times = list(dict.fromkeys(message.message_id for message in sent))
    assert first_times == [one.message_id for one in journal.messages], "an event was lost, or overtook"
    indexed = []
    # An observation that changed nothing leaves its journal row only.
    reply = journal.outcome.reply
    changed = journal.outcome.rejection is not None or reply.get("aggregate") or reply["events"]
    for trace_id in dict.fromkeys(node.trace_id for node in journal.trace if changed):
        nodes = {node.id: node for node in await store.trace(partition.tenant_id, trace_id)}
        for node in journal.trace:
            if node.trace_id == trace_id:
                assert nodes.get(node.id) == node, f"{node.id} is missing in its trace"
                indexed.append(asdict(node))
    return Ending(
        reply=timeless(journal.outcome.reply),
        states=await states(store, partition),
        messages=timeless([[one.message_id, *bytes_of(one)] for one in journal.messages]),
        trace=timeless(indexed),
        effects=dict(+effects),
    )


async def pending(store: Store, partition: Partition, id: str, now: Any) -> bool:
    """Whether the outbox still has the command's row, as the timer sees it."""
    later = now() + timedelta(days=1)
    return any(
        [
            journal.partition == partition and journal.outcome.command_id == id
            async for journal in store.unpublished(later)
        ]
    )
