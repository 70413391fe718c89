"""Tests of the local Azure DevOps, as its clients see it."""
