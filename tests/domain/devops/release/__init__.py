"""The release context."""
