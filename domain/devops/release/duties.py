"""Segregation of duties: whoever has a part in a release has none in the decision on it."""

from collections.abc import Iterable

from domain.devops.delivery.identities import Identity, People
from domain.devops.release.approvals import ApproverIdentity, PolicyCheckResult
from domain.devops.release.contributors import Contribution
from domain.devops.release.release_plan import ReleasePlan
from domain.kernel.errors import require

PLANNER = "approver must differ from the planning identity"
AUTHOR = "approver must not be an author of what is released"
PULL_REQUEST_AUTHOR = "approver must not have opened a pull request of what is released"
MERGER = "approver must not have merged a pull request of what is released"
STARTER = "approver must not have started the build of what is released"


def duty_checks(
    release: ReleasePlan, approver: ApproverIdentity, people: People
) -> tuple[PolicyCheckResult, ...]:
    """One line per duty. Both the person who decides and the one whom they stand for must have none of them:
    a delegation hands on a voice, never a way around."""
    made = {
        kind: [one.identity for one in release.contributors if one.contribution is kind] for kind in _MADE
    }
    initiator = () if release.initiator is None else (release.initiator,)
    duties: tuple[tuple[str, str, Iterable[Identity]], ...] = (
        ("plannerIsNotApprover", PLANNER, (release.planned_by,)),
        # An automatic plan is the person's whose deed set it off: the planning identity is theirs.
        ("initiatorIsNotApprover", PLANNER, initiator),
        *((name, sentence, made[kind]) for kind, (name, sentence) in _MADE.items()),
    )
    return tuple(
        PolicyCheckResult(
            name=name,
            passed=not any(people.same(approver.names, identity.names) for identity in holders),
            sentence=sentence,
        )
        for name, sentence, holders in duties
    )


_MADE = {
    Contribution.COMMIT: ("authorIsNotApprover", AUTHOR),
    Contribution.PULL_REQUEST: ("pullRequestAuthorIsNotApprover", PULL_REQUEST_AUTHOR),
    Contribution.MERGE: ("mergerIsNotApprover", MERGER),
    Contribution.RUN: ("starterIsNotApprover", STARTER),
}


def require_segregated(checks: Iterable[PolicyCheckResult]) -> None:
    for check in checks:
        require(check.passed, check.sentence)


def segregated(release: ReleasePlan, people: People) -> tuple[ApproverIdentity, ...]:
    """Who has approved and, by what is known of persons now, has no such duty: an approval that turns out to
    be the planner's or an author's does not count."""
    return tuple(
        approver
        for approver in release.approvers
        if all(check.passed for check in duty_checks(release, approver, people))
    )
