"""The tasks that install a tool: here they only look whether the machine has it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from infra.local.azure_devops.pipelines.step_context import StepContext
from infra.local.azure_devops.pipelines.timeline import SUCCEEDED

TOOLS: Mapping[str, str] = {
    "usepythonversion": "python",
    "usedotnet": "dotnet",
    "dotnetcoreinstaller": "dotnet",
    "nodetool": "node",
    "usenode": "node",
    "gotool": "go",
    "javatoolinstaller": "java",
    "helminstaller": "helm",
    "kubectlinstaller": "kubectl",
    "dockerinstaller": "docker",
    "userubyversion": "ruby",
}


async def use_tool(context: StepContext) -> str:
    name = context.step.target.partition("@")[0].lower()
    tool = TOOLS[name]
    found = shutil.which(tool, path=context.environment()["PATH"])
    if found is None:
        context.warn(f"{tool} is not on this machine, and nothing is installed here.")
        return SUCCEEDED
    wanted = context.input("versionspec", "version")
    context.log.write(
        f"Using {found}" + (f"; version {wanted} was asked for, not looked for" if wanted else "")
    )
    return SUCCEEDED
