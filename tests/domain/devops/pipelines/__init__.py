"""Pipelines: generation, runs under every order of hooks, and what builds come to."""
