"""The domain: pure Python and pydantic; no azure, no network, no clock."""
