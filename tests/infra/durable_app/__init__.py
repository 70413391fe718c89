"""An app of every kind of orchestration, for the tests of the local Durable engine."""
