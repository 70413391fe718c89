"""The delivery policy."""
