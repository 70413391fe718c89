"""The local Durable engine, over the host as a process and a real Azurite."""
