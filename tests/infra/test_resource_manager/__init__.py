"""Tests of the local Azure Resource Manager, over HTTP and as a process of its own."""
