"""What goes out, and what is left behind when it can't: `domain/dispatch.py` and `domain/sealing.py`."""

import asyncio

import pytest

from domain.kernel.actor import Actor
from domain.kernel.envelope import Envelope
from domain.kernel.errors import Unavailable
from domain.kernel.proof import is_proven, proof_key
from tests.domain.kernel.house import House


async def test_a_promoted_event_goes_out_twice_and_only_its_copy_is_redacted(house: House) -> None:
    await house.dispatch(house.message())
    domain, copy = house.broker.published
    assert domain.destination == copy.destination == "devops.front-house"
    assert domain.message_id != copy.message_id
    inside, outside = Envelope.parse(domain.body), Envelope.parse(copy.body)
    assert (inside.event_id, outside.event_id) == (domain.message_id, copy.message_id)
    assert outside.causation_id == inside.event_id
    assert inside.payload["openedBy"] == "ada"
    assert outside.payload["openedBy"].startswith("*** (hmac-sha256:")
    assert '"ada"' not in copy.body
    assert "ada" not in copy.properties.values()
    about = {
        "cs-event-version": 1,
        "cs-aggregate-type": "Door",
        "cs-aggregate-id": "door-1",
        "cs-aggregate-version": 1,
        "cs-event-type": "DoorOpened",
        "cs-tenant-id": "connectsoft",
        "cs-trace-id": "trace-1",
        "cs-correlation-id": "corr-1",
    }
    assert domain.properties == about | {
        "cs-scope": "domain",
        "cs-actor": "ada",
        "cs-initiator": "ada",
        "cs-causation-id": "cmd-1",
        "cs-proof": domain.properties["cs-proof"],
    }
    key, body = proof_key(b"a key of tests"), domain.body.encode()
    ada = Actor("ada", initiator="ada")
    assert is_proven(key, domain.properties["cs-proof"], domain.message_id, ada, body)
    assert copy.properties == about | {"cs-scope": "integration", "cs-causation-id": domain.message_id}


async def test_an_event_that_nobody_outside_consumes_goes_out_once(house: House) -> None:
    await house.dispatch(house.message())
    house.broker.published.clear()
    await house.dispatch(house.message("hook-1", "ObserveDoor", wind=10))
    assert [one.properties["cs-event-type"] for one in house.broker.published] == ["DoorSlammed"]


async def test_an_absent_broker_never_fails_a_command(house: House) -> None:
    house.broker.away = True
    journal = await house.dispatch(house.message())
    assert journal.outcome.reply["outcome"] == "accepted"
    assert await house.left_behind() == ["cmd-1"]
    house.broker.away = False
    house.clock.step(60)
    assert await house.dispatcher.publish_left_behind(house.clock.now()) == 1
    assert tuple(house.broker.published) == journal.messages
    assert await house.left_behind() == []
    assert await house.dispatcher.publish_left_behind(house.clock.now()) == 0


async def test_a_repeat_makes_an_unpublished_command_good_too(house: House) -> None:
    house.broker.away = True
    journal = await house.dispatch(house.message())
    house.broker.away = False
    await house.dispatch(house.message())
    assert tuple(house.broker.published) == journal.messages
    assert await house.left_behind() == []


async def test_what_the_timer_can_not_send_stays_for_its_next_round(house: House) -> None:
    house.broker.away = True
    await house.dispatch(house.message())
    house.clock.step(60)
    with pytest.raises(Unavailable):
        await house.dispatcher.publish_left_behind(house.clock.now())
    assert await house.left_behind() == ["cmd-1"]


async def test_a_row_that_could_not_be_settled_is_sent_again_as_the_same_bytes(house: House) -> None:
    house.store.settling = False
    journal = await house.dispatch(house.message())
    assert await house.left_behind() == ["cmd-1"]
    house.store.settling = True
    house.clock.step(60)
    await house.dispatcher.publish_left_behind(house.clock.now())
    assert tuple(house.broker.published) == journal.messages * 2


@pytest.mark.timeout(5)
async def test_two_who_wait_for_the_background_at_once_both_come_to_an_end(house: House) -> None:
    messages = [house.message(f"cmd-{n}") for n in range(1, 4)]
    await asyncio.gather(*(house.dispatch(message) for message in messages))
    assert await house.left_behind() == []
