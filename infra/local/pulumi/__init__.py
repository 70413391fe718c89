"""Pulumi Cloud on this machine: stacks, Deployments, updates and drift over its REST API."""
