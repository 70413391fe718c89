"""Tests of the local Pulumi Cloud, over HTTP and as a process of its own."""
