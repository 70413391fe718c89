"""What the host asks of every kind of trigger. A new kind (such as Durable) is one more implementation."""

from typing import Protocol


class TriggerSource(Protocol):
    """Where invocations come from. Stopping has two steps, with the grace period between them."""

    async def start(self) -> None:
        """Begin; returns once work is really taken (for a broker: once every link is open)."""

    def stop_taking(self) -> None:
        """Start nothing new. What is in flight goes on."""

    async def close(self) -> None:
        """Give back what is left, and let go of connections. Comes after the last invocation."""

    async def fire(self, function: str, argument: str) -> bool:
        """Run the function by hand with this input; False when it isn't one of this source's.

        Raises what Invoker.run raises.
        """
