"""The laptop cloud: local stand-ins that the unmodified production clients talk to."""
