"""All routes about runs, together."""

from __future__ import annotations

from infra.local.azure_devops.pipelines import approvals_api, artifacts, builds, logs, results, runs_api

# Approvals come first: their path is also that of a pipeline with an odd id.
ROUTES = [
    *approvals_api.ROUTES,
    *runs_api.ROUTES,
    *builds.ROUTES,
    *logs.ROUTES,
    *artifacts.ROUTES,
    *results.ROUTES,
]
