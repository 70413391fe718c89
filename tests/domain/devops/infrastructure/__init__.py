"""Tests of the infrastructure context."""
