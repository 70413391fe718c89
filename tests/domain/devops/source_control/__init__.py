"""Source control: every invariant and every command of the four aggregates."""
