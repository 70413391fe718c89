"""Durable Functions: orchestrations that survive a crash, kept in Azure tables."""
