"""All routes of the feeds."""

from infra.local.azure_devops.packaging import content, discovery, publishing

ROUTES = [*discovery.ROUTES, *content.ROUTES, *publishing.ROUTES]
