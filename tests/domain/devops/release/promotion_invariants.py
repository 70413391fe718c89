"""What must hold of promotions at any moment, whatever has happened to them."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import yaml

from domain.devops.delivery.delivery_line import DeliveryLine, ResumeTheLine
from domain.devops.release.arrangement import Arrangement, branch_of
from domain.devops.release.deployment_target import DeploymentTarget, LiftHold
from domain.devops.release.desired_state import desired_files
from domain.devops.release.environment_promotion import EnvironmentPromotion
from domain.devops.release.promotion_control import CancelPromotion
from domain.devops.release.promotion_state import GateKind, GateOutcome, PromotionStatus
from domain.devops.release.release_plan import ReleasePlan, ReleaseStatus
from domain.kernel.envelope import Envelope
from domain.kernel.naming import dns_label
from domain.kernel.work import Lookup
from tests.domain.devops.release.promotion_play import ENVIRONMENTS, Play

MOST_ROUNDS = 600

HOLDING = (PromotionStatus.IN_PROGRESS, PromotionStatus.ROLLING_BACK)


@dataclass
class Invariants:
    """Compares what is with what was at the last look."""

    play: Play
    before: dict[str, PromotionStatus] = field(default_factory=dict)
    arranged: dict[str, str] = field(default_factory=dict)
    looked_at: tuple[object, ...] = ()
    checked: set[tuple[str, str | None, str]] = field(default_factory=set)

    async def hold(self) -> None:
        with self.play.calm():
            await self._hold()

    async def _hold(self) -> None:
        if self.looked_at == self.play.moment:
            return
        self.looked_at = self.play.moment
        promotions = await self.play.all(EnvironmentPromotion)
        targets = {(one.module_id, one.environment): one for one in await self.play.all(DeploymentTarget)}
        of_target = defaultdict(list)
        for one in promotions:
            of_target[one.module_id, one.to_environment].append(one)
        for one in promotions:
            await self._approved(one)
            self._on_path(one, promotions)
            self._passed_by_its_gates(one)
            await self._let_begin(one, targets[one.module_id, one.to_environment])
        for place, target in targets.items():
            self._exclusive(target, of_target[place])
            self._verified(target, of_target[place])
            await self._kept(target, of_target[place])
            await self._in_git(target)
        self._told_once(promotions)
        await self._agent_follows()
        self.before = {one.id: one.status for one in promotions}
        self.arranged = {one.id: one.arrangement.model_dump_json() for one in targets.values()}

    async def _approved(self, promotion: EnvironmentPromotion) -> None:
        if promotion.began_at is None:
            return
        plans = await self.play.all(ReleasePlan)
        plan = next(one for one in plans if one.release_id == promotion.release_id)
        assert plan.status is ReleaseStatus.APPROVED, f"{promotion.id} began"

    def _on_path(self, promotion: EnvironmentPromotion, promotions: list[EnvironmentPromotion]) -> None:
        if promotion.began_at is None or promotion.to_environment == ENVIRONMENTS[0]:
            return
        assert any(
            one.status is PromotionStatus.COMPLETED
            and one.build_result_id == promotion.build_result_id
            and one.to_environment == promotion.from_environment == ENVIRONMENTS[0]
            and one.ended_at is not None
            and one.ended_at <= promotion.began_at
            for one in promotions
        ), f"{promotion.id} has not come through {promotion.from_environment}"

    def _passed_by_its_gates(self, promotion: EnvironmentPromotion) -> None:
        """Nothing has passed by silence: of each step, every gate's last word is a pass."""
        if promotion.status is not PromotionStatus.COMPLETED:
            return
        for step in promotion.steps:
            last = {(one.kind, one.gate): one for one in promotion.gate_results if one.step == step.position}
            assert {kind for kind, _ in last} == set(GateKind), f"{step.name} was not looked at"
            assert {one.outcome for one in last.values()} == {GateOutcome.PASSED}
            assert step.healthy_since is not None and step.ended_at is not None
            assert (step.ended_at - step.healthy_since).total_seconds() >= 20

    async def _let_begin(self, promotion: EnvironmentPromotion, target: DeploymentTarget) -> None:
        began = promotion.began_at is not None and self.before.get(promotion.id) in (
            None,
            PromotionStatus.PENDING,
        )
        if not began:
            return
        assert target.hold is None, f"{promotion.id} began in spite of a hold"
        if promotion.bypass is None:
            now, frozen = self.play.world.clock.moment, self.play.frozen_until
            assert frozen is None or now >= frozen, f"{promotion.id} began in spite of a freeze"
            assert not await self._stopped(target), f"{promotion.id} began in spite of a stop"

    async def _stopped(self, target: DeploymentTarget) -> bool:
        line = await DeliveryLine.of(Lookup(self.play.world.store, self.play.world.partition))
        return line.stop_in(target.environment) is not None

    def _exclusive(self, target: DeploymentTarget, promotions: list[EnvironmentPromotion]) -> None:
        holders = [one.id for one in promotions if one.status in HOLDING]
        assert holders == ([] if target.promotion_id is None else [target.promotion_id])
        assert not holders or target.queue[0].promotion_id == holders[0]
        waiting = Counter(one.promotion_id for one in target.queue)
        assert waiting == Counter(one.id for one in promotions if not one.status.is_over)
        fences = sorted((one.began_at, one.fence) for one in promotions if one.began_at is not None)
        assert sorted(fence or 0 for _, fence in fences) == list(range(1, target.fence + 1))

    def _verified(self, target: DeploymentTarget, promotions: list[EnvironmentPromotion]) -> None:
        completed = [one for one in promotions if one.status is PromotionStatus.COMPLETED]
        last = max(completed, key=lambda one: one.fence or 0, default=None)
        if last is None or target.verified is None:
            assert last is None and target.verified is None
            return
        verified = target.verified
        assert (verified.promotion_id, verified.manifest_id) == (last.id, last.manifest_id)
        assert verified.arrangement == last.steps[-1].arrangement
        assert [slot.release_id for slot in verified.arrangement.slots] == [last.release_id]

    async def _kept(self, target: DeploymentTarget, promotions: list[EnvironmentPromotion]) -> None:
        """A hold keeps what is there, but for the way back; so does a stop, without a bypass."""
        if self.arranged.get(target.id) in (None, target.arrangement.model_dump_json()):
            return
        mover = next(one for one in promotions if one.id == target.promotion_id)
        if mover.status is PromotionStatus.ROLLING_BACK:
            return
        assert target.hold is None, f"{mover.id} moved what is held"
        assert mover.bypass is not None or not await self._stopped(target), f"{mover.id} moved while stopped"

    async def _in_git(self, target: DeploymentTarget) -> None:
        """The branch has the module as the target says, and splits all of its traffic."""
        head = await self.play.delivery.head(target.environment)
        key = (target.id, head, target.arrangement.model_dump_json())
        if key in self.checked or target.id in self.play.uncertain or head is None:
            assert head is not None or not target.arrangement.slots
            return
        work = self.play.world.work(CancelPromotion(promotion_id="promotion-1", reason="only looks"))
        desired = await desired_files(target, target.arrangement, work, self.play.world.blobs)
        committed = await self.play.delivery.committed(target.environment)
        folder = dns_label(target.module_id)
        there = {path: content for path, content in committed.items() if path.startswith(f"{folder}/")}
        assert there == desired, f"{target.module_id} in {target.environment} is not as recorded"
        root = yaml.safe_load(committed.get("kustomization.yaml", b"resources: []"))
        assert (folder in root["resources"]) is bool(desired)
        for route in yaml.safe_load_all(there.get(f"{folder}/traffic.yaml", b"")):
            assert sum(one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]) == 100
        self.checked.add(key)

    def _told_once(self, promotions: list[EnvironmentPromotion]) -> None:
        """One fact of each completed promotion, and of each way back to a release that was confirmed."""
        facts = [
            Envelope.parse(one.body)
            for one in self.play.world.published()
            if one.properties["cs-event-type"] == "DeploymentPromoted"
        ]
        # A message may come twice; a fact has one id.
        payloads = {one.event_id: one.payload for one in facts}.values()
        told = Counter((one["releaseId"], one["environment"]) for one in payloads)
        wanted: Counter[tuple[str, str]] = Counter()
        for one in promotions:
            back = one.rollback
            if one.status is PromotionStatus.COMPLETED:
                wanted[one.release_id, one.to_environment] += 1
            elif back is not None and back.confirmed_at is not None and back.release_id is not None:
                wanted[back.release_id, one.to_environment] += 1
        assert told == wanted

    async def _agent_follows(self) -> None:
        """What it has applied is in the branch: it never runs ahead."""
        delivery = self.play.delivery
        git = self.play.world.git._repository(delivery.gitops.handle)
        for name in ENVIRONMENTS:
            sync = await self.play.world.agent.sync(delivery.handle(name))
            if sync is not None and sync.applied_sha is not None:
                assert git.contains(git.refs[branch_of(name)], sync.applied_sha)

    async def settled(self) -> None:
        """All is well again: what was begun comes to an end, and leaves each environment as it should be."""
        play = self.play
        await all_is_well(play)
        for _ in range(MOST_ROUNDS):
            for running in list(play.running):
                await play.turn(running)
            if not play.running:
                break
        self.arranged, self.looked_at = {}, ()
        await self.hold()
        open_ = [one.id for one in await play.all(EnvironmentPromotion) if not one.status.is_over]
        assert not open_ and not play.running, f"{open_} never came to an end"
        for target in await play.all(DeploymentTarget):
            found_good = target.verified.arrangement if target.verified is not None else Arrangement()
            assert target.arrangement == found_good, f"{target.id} is left half way"
            assert target.id not in play.uncertain, f"nobody knows what {target.id} is at"


async def all_is_well(play: Play) -> None:
    """Everything that kept promotions from going on is over; who would never be approved is canceled."""
    play.all_is_healthy()
    await play.unfreeze()
    for place in (None, *ENVIRONMENTS):
        await play.command(ResumeTheLine(environment=place, reason="all is well"))
    for target in await play.all(DeploymentTarget):
        await play.command(
            LiftHold(module_id=target.module_id, environment=target.environment, reason="all is well")
        )
    await resurrect(play)
    for promotion in await play.all(EnvironmentPromotion):
        plan = await play.world.read(ReleasePlan, promotion.release_id)
        if plan.status_at(play.world.clock.moment) == "PendingApproval" and not promotion.status.is_over:
            await play.command(CancelPromotion(promotion_id=promotion.id, reason="never approved"))


async def resurrect(play: Play) -> None:
    """Where an orchestration was terminated, ending its promotion begins it anew."""
    for promotion in await play.all(EnvironmentPromotion):
        running = any(one.id == promotion.id for one in play.running)
        if not promotion.status.is_over and not running:
            await play.command(CancelPromotion(promotion_id=promotion.id, reason="stuck"))
