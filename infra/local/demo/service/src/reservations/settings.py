"""What the service is told by its environment."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    port: int = 8080
    tables: int = 12

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(port=int(os.environ.get("PORT", "8080")), tables=int(os.environ.get("TABLES", "12")))
