"""The way of a release: environments one after another, as far as it is planned for."""

from domain.devops.delivery.delivery_policy import DeliveryPolicy
from domain.devops.delivery.environments import EnvironmentName, EnvironmentPolicy
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.aggregate import UniqueKey
from domain.kernel.errors import require
from domain.kernel.work import Work


def completion_key(module_id: str, environment: str, build_result_id: str) -> UniqueKey:
    """Held by the first promotion that brought a build into an environment."""
    sentence = f"build {build_result_id} has been promoted to {environment} before"
    return UniqueKey("promoted-build", (module_id, environment, build_result_id), sentence)


async def next_environment(
    named: EnvironmentName | None, plan: ReleasePlan, policy: DeliveryPolicy, work: Work
) -> EnvironmentPolicy | None:
    """Where it goes: as named, or the next on the release's way; None where it is at the end of it."""
    if named is not None:
        return policy.environment(named)
    for environment in policy.environments[: policy.position(plan.target_environment) + 1]:
        key = completion_key(plan.module_id, environment.name, plan.build_result_id)
        if await work.holder(key) is None:
            return environment
    return None


async def require_on_path(
    plan: ReleasePlan, environment: EnvironmentPolicy, policy: DeliveryPolicy, work: Work
) -> None:
    """Raises `Rejected` where the release was not planned as far as this environment, or its build has not
    come through the one before."""
    path = " → ".join(one.name for one in policy.environments)
    require(
        policy.position(environment.name) <= policy.position(plan.target_environment),
        f"release {plan.release_id} is planned for {plan.target_environment}, and {environment.name} comes"
        f" after it on the path {path}: plan it for {environment.name}",
    )
    before = policy.before(environment.name)
    if before is None:
        return
    holder = await work.holder(completion_key(plan.module_id, before.name, plan.build_result_id))
    require(
        holder is not None,
        f"version {plan.version} has not been promoted to {before.name} yet, which comes before"
        f" {environment.name} on the path {path}",
    )
