"""Azure Resource Manager as the place where stacks from before are made from compiled Bicep."""

from adapters.resource_manager.deployments import AZURE, ENTRA_SCOPE, ResourceManagerDeployments

__all__ = ["AZURE", "ENTRA_SCOPE", "ResourceManagerDeployments"]
