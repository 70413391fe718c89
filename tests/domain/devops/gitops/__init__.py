"""Tests of the gitops context."""
