"""Tests of the reservations service."""
