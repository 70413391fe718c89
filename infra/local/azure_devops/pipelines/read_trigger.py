"""The trigger of a pipeline: which branches and paths start a run."""

from __future__ import annotations

from infra.local.azure_devops.pipelines.model import Trigger
from infra.local.azure_devops.pipelines.read_values import names
from infra.local.azure_devops.pipelines.views import View
from infra.local.azure_devops.pipelines.yaml_document import Items, Scalar


def read_trigger(view: View | None) -> Trigger:
    """Without one every push to a branch starts a run."""
    if view is None:
        return Trigger()
    token = view.opened().token
    if isinstance(token, Scalar):
        if view.text() != "none":
            raise view.invalid(f"Unexpected value '{view.text()}'")
        return Trigger(enabled=False)
    if isinstance(token, Items):
        return Trigger(include_branches=names(view))
    fields = view.fields(("batch", "branches", "paths", "tags", "enabled"))
    branches, paths = _filter(fields.get("branches")), _filter(fields.get("paths"))
    _filter(fields.get("tags"))
    enabled = "enabled" not in fields or fields["enabled"].text().lower() == "true"
    return Trigger(enabled, branches[0], branches[1], paths[0], paths[1])


def _filter(view: View | None) -> tuple[list[str], list[str]]:
    if view is None or view.is_empty():
        return [], []
    if isinstance(view.opened().token, Items):
        return names(view), []
    fields = view.fields(("include", "exclude"))
    return (
        names(fields["include"]) if "include" in fields else [],
        names(fields["exclude"]) if "exclude" in fields else [],
    )


def check_pull_request_trigger(view: View | None) -> None:
    """Read for its form only: pull requests of Azure Repos are built by policies, not by `pr`."""
    if view is None or view.is_empty():
        return
    token = view.opened().token
    if isinstance(token, Scalar):
        if view.text() != "none":
            raise view.invalid(f"Unexpected value '{view.text()}'")
        return
    if isinstance(token, Items):
        names(view)
        return
    fields = view.fields(("autoCancel", "drafts", "branches", "paths", "tags"))
    for name in ("branches", "paths", "tags"):
        _filter(fields.get(name))
