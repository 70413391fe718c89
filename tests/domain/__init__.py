"""What the domain promises, over memory adapters and a clock that only tests move."""
