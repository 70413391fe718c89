"""Jobs and steps really run: processes, variables, conditions, secrets, directories."""

from __future__ import annotations

from pathlib import Path

from infra.local.azure_devops.pipelines.model import Step
from tests.infra.test_azure_devops.run_ground import (
    Definition,
    bash,
    job,
    one_job,
    pipeline,
    stage,
    task,
)


async def test_a_job_runs_in_a_clean_clone_of_its_commit(definition: Definition) -> None:
    listed = bash("git rev-parse HEAD; ls; ls $(Agent.TempDirectory) | wc -l; touch left", "look")
    for _ in range(2):
        ran = await definition.ran(one_job(listed))
        log = await ran.log("look")
        assert ran.result == "succeeded"
        assert f"\n{definition.commit}\nhello.txt\n1\n" in log, "nothing is left of an earlier job"
    root = definition.ground.server.emulator.options.data / "work"
    assert list(root.iterdir()) == []


async def test_the_exit_code_decides_and_what_follows_is_skipped_unless_it_asks_to_run(
    definition: Definition,
) -> None:
    ran = await definition.ran(
        one_job(
            bash("false | true", "pipe fails"),
            bash("echo no", "skipped"),
            bash("echo yes", "on failure", condition="failed()"),
            bash("echo yes", "always", condition="always()"),
            bash("echo no", "disabled", enabled=False, condition="always()"),
        )
    )
    assert ran.result == "failed"
    results = ran.results("Task")
    assert [results[name] for name in ("pipe fails", "skipped", "on failure", "always", "disabled")] == [
        "failed",
        "skipped",
        "succeeded",
        "succeeded",
        "skipped",
    ]
    failed = ran.record("Task", "pipe fails")
    assert (failed["errorCount"], failed["issues"][0]["message"]) == (1, "Bash exited with code '1'.")
    assert (ran.record("Job", "job")["result"], ran.record("Stage", "build")["result"]) == (
        "failed",
        "failed",
    )


async def test_a_step_that_may_fail_leaves_a_partial_success(definition: Definition) -> None:
    ran = await definition.ran(
        one_job(bash("exit 3", "may fail", continue_on_error=True), bash("true", "next"))
    )
    assert ran.result == "partiallySucceeded"
    assert ran.results("Task") | {"may fail": "succeededWithIssues", "next": "succeeded"} == ran.results(
        "Task"
    )
    run = await definition.call("GET", f"pipelines/{definition.id}/runs/{ran.id}")
    assert (run.body["state"], run.body["result"]) == ("completed", "succeeded"), "a run knows no partial one"


async def test_variables_pass_as_macros_environment_and_outputs(definition: Definition) -> None:
    plan = pipeline(
        stage(
            "build",
            job(
                "one",
                bash('echo "##vso[task.setvariable variable=tag;isoutput=true]v%3B1"', "set", name="meta"),
                bash(
                    'echo "[$(meta.tag)] [$META_TAG] [$(unknown)] [$MY_NAME] [$OWN]"',
                    "use",
                    env={"OWN": "$(my.name)!"},
                ),
                variables={"my.name": "$(Build.SourceBranchName)-x"},
            ),
            job(
                "two",
                bash('echo "[$(got)]"', "other job"),
                depends_on=["one"],
                variables={"got": "$[ dependencies.one.outputs['meta.tag'] ]"},
            ),
        ),
        stage(
            "after",
            job(
                "three",
                bash('echo "[$(got)]"', "other stage"),
                variables={"got": "$[ stageDependencies.build.one.outputs['meta.tag'] ]"},
            ),
            depends_on=["build"],
            condition="eq(dependencies.build.outputs['one.meta.tag'], 'V;1')",
        ),
    )
    ran = await definition.ran(plan)
    assert ran.result == "succeeded"
    assert "[v;1] [v;1] [] [main-x] [main-x!]" in await ran.log("use"), "$(unknown) is left to the shell"
    assert "\n[v;1]\n" in await ran.log("other job")
    assert "\n[v;1]\n" in await ran.log("other stage")


async def test_no_log_shows_a_secret_and_no_environment_has_one(definition: Definition) -> None:
    ran = await definition.ran(
        one_job(
            bash('echo "##vso[task.setvariable variable=key;issecret=true]topsecret"', "set"),
            bash('echo "a $(key) b ${KEY:-none} c $REGISTRY_PASSWORD d $(given) e ${GIVEN:-none}"', "use"),
            bash('echo "##vso[task.logissue type=error]the $(key)"', "issue"),
        ),
        variables={"given": {"value": "s3", "isSecret": True}},
    )
    assert "a *** b none c *** d *** e none" in await ran.log("use")
    assert ran.record("Task", "issue")["issues"][0]["message"] == "the ***"
    logs = definition.ground.server.emulator.options.data / "logs" / definition.project.id
    text = "".join(path.read_text() for path in logs.rglob("*.log"))
    assert "topsecret" not in text and "hunter-22" not in text
    run = (await definition.call("GET", f"pipelines/{definition.id}/runs/{ran.id}")).body
    assert run["variables"] == {"given": {"value": None, "isSecret": True}}


async def test_commands_set_results_tags_and_the_build_number(definition: Definition) -> None:
    ran = await definition.ran(
        one_job(
            bash('echo "##vso[task.complete result=SucceededWithIssues;]"', "issues"),
            bash('echo "##vso[build.updatebuildnumber]1.2.3"; echo "##vso[build.addbuildtag]good"', "number"),
            bash('echo "$(Build.BuildNumber)"; echo "##vso[task.complete result=Failed]"', "fails"),
        )
    )
    assert (ran.result, ran.build["buildNumber"], ran.build["tags"]) == ("failed", "1.2.3", ["good"])
    assert ran.results("Task")["issues"] == "succeededWithIssues"
    assert "\n1.2.3\n" in await ran.log("fails")


async def test_a_working_directory_stays_inside_and_scripts_of_tasks_run_too(definition: Definition) -> None:
    ran = await definition.ran(
        one_job(
            bash("mkdir sub", "make"),
            bash("pwd", "inside", working_directory="sub"),
            task("CmdLine@2", "cmd", inputs={"script": "echo cmd-$(Build.BuildId)"}),
            task("Bash@3", "inline", inputs={"targetType": "inline", "script": "echo inline"}),
            task(
                "Bash@3",
                "stderr",
                inputs={"targetType": "inline", "script": "echo x >&2", "failOnStderr": True},
            ),
            bash("pwd", "outside", working_directory="../../..", condition="always()"),
        )
    )
    assert (await ran.log("inside")).splitlines()[2].endswith("/s/sub")
    assert f"cmd-{ran.id}" in await ran.log("cmd") and "inline" in await ran.log("inline")
    results = ran.results("Task")
    assert (results["stderr"], results["outside"]) == ("failed", "failed")
    assert "outside of the directories" in ran.record("Task", "outside")["issues"][0]["message"]


async def test_what_this_agent_cannot_do_is_skipped_with_a_plain_warning(definition: Definition) -> None:
    ran = await definition.ran(
        one_job(
            task("AzureWebApp@1", "deploy"),
            task("UseDotNet@2", "dotnet"),
            task("UsePythonVersion@0", "python", inputs={"versionSpec": "3.x"}),
        )
    )
    assert ran.result == "succeeded"
    deploy = ran.record("Task", "deploy")
    assert (deploy["result"], deploy["warningCount"]) == ("skipped", 1)
    assert "##[warning]AzureWebApp@1 does not run on this agent" in await ran.log("deploy")
    assert "Using " in await ran.log("python")


async def test_time_limits_kill_the_whole_group(definition: Definition, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    slow = f"(sleep 0.8; touch {mark}) & sleep 30"
    ran = await definition.ran(
        one_job(bash(slow, "slow", timeout_minutes=0.005), bash("echo", "after", condition="always()"))
    )
    assert (ran.result, ran.results("Task")["after"]) == ("failed", "succeeded")
    assert ran.record("Task", "slow")["issues"][0]["message"] == "The task has timed out."
    limited = job("job", bash(slow, "slow"), timeout_minutes=0.005)
    ran = await definition.ran(pipeline(stage("build", limited)))
    assert (ran.result, ran.record("Job", "job")["result"]) == ("canceled", "canceled")
    assert "ran longer than the maximum time" in ran.record("Job", "job")["issues"][0]["message"]
    waited = await definition.ran(one_job(bash("sleep 0.8", "wait")))
    assert waited.result == "succeeded" and not mark.exists(), "the child in the background was killed too"


async def test_what_a_job_leaves_running_ends_with_it(definition: Definition, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    ran = await definition.ran(
        one_job(bash(f"nohup setsid sh -c 'sleep 1; touch {mark}' >/dev/null 2>&1 &", "leave"), bash("true"))
    )
    assert ran.result == "succeeded"
    assert (await definition.ran(one_job(bash("sleep 1.2")))).result == "succeeded"
    assert not mark.exists()


async def test_several_repositories_are_checked_out_side_by_side(definition: Definition) -> None:
    other = await definition.project.repository("lib")
    await other.commit("main", "0" * 40, {"/lib.txt": "lib\n"})
    checkouts = [
        Step("checkout", target, target) for target in ("self", f"git://{definition.project.name}/lib")
    ]
    ran = await definition.ran(one_job(*checkouts, bash("cat api/hello.txt lib/lib.txt", "both")))
    assert ran.result == "succeeded"
    assert "\nhello\nlib\n" in await ran.log("both")
