"""Azure Resource Manager on this machine: deployments of templates to resource groups, and what-if."""
