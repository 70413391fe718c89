"""Where the parts of the laptop cloud listen."""

from dataclasses import asdict, dataclass
from typing import Self

from infra.local.processes import is_free


@dataclass(frozen=True)
class Ports:
    """Where each part listens on 127.0.0.1; 0 is a free port."""

    host: int = 0
    service_bus: int = 0
    azure_devops: int = 0
    blob: int = 0
    queue: int = 0
    table: int = 0
    issuer: int = 0
    registry: int = 0
    kubernetes: int = 0
    pulumi: int = 0
    resource_manager: int = 0

    @classmethod
    def usual(cls) -> Self:
        """The ports that local.settings.sample.json names; a free one in place of each that is taken."""
        usual = cls(
            7071,
            5672,
            8081,
            blob=10000,
            queue=10001,
            table=10002,
            issuer=8090,
            registry=5000,
            kubernetes=6443,
            pulumi=8091,
            resource_manager=8092,
        )
        return cls(**{name: port if is_free(port) else 0 for name, port in asdict(usual).items()})
