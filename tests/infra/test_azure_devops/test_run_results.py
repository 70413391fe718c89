"""What runs leave: artifacts, test results, coverage."""

from __future__ import annotations

import io
import json
import zipfile

import aiohttp

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

JUNIT = """<testsuites><testsuite name="s"><testcase classname="a" name="one" time="0.5"/>
<testcase classname="a" name="two" time="0.25"><failure message="no"/></testcase>
<testcase classname="a" name="three"><skipped/></testcase></testsuite></testsuites>"""
TRX = """<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
<UnitTestResult testName="x" outcome="Passed" duration="00:00:01.5000000"/></Results></TestRun>"""
COBERTURA = """<?xml version="1.0"?>
<!DOCTYPE coverage SYSTEM "http://127.0.0.1:9/coverage.dtd">
<coverage lines-valid="40" lines-covered="30" branches-valid="4" branches-covered="1">
<packages/></coverage>"""
BARE_COBERTURA = """<coverage><packages><package><classes><class><lines><line number="1" hits="1"/>
<line number="2" hits="0"/></lines></class></classes></package></packages></coverage>"""


async def test_artifacts_pass_between_jobs_and_come_as_a_zip(definition: Definition) -> None:
    make = bash(
        "mkdir -p $(Build.ArtifactStagingDirectory)/in; echo 1 > $(Build.ArtifactStagingDirectory)/in/a.txt"
    )
    publish = task(
        "PublishPipelineArtifact@1",
        inputs={"targetPath": "$(Build.ArtifactStagingDirectory)", "artifact": "drop"},
    )
    upload = bash('echo 2 > b.txt; echo "##vso[artifact.upload artifactname=extra]$PWD/b.txt"', "upload")
    read = bash("cat $(Pipeline.Workspace)/drop/in/a.txt $(Pipeline.Workspace)/extra/b.txt", "read")
    plan = pipeline(
        stage("build", job("job", make, publish, upload)),
        stage("deploy", job("job", read, environment="test"), depends_on=["build"]),
    )
    ran = await definition.ran(plan)
    assert ran.result == "succeeded", [r["issues"] for r in ran.records]
    assert "\n1\n2\n" in await ran.log("read"), "a deployment downloads them by itself"
    listed = (await definition.call("GET", f"build/builds/{ran.id}/artifacts")).value
    assert [(a["name"], a["resource"]["type"]) for a in listed] == [
        ("drop", "PipelineArtifact"),
        ("extra", "Container"),
    ]
    one = await definition.call("GET", f"build/builds/{ran.id}/artifacts?artifactName=drop")
    headers = {"Authorization": aiohttp.encode_basic_auth("", definition.ground.pat)}
    async with definition.ground.session.get(one.body["resource"]["downloadUrl"], headers=headers) as answer:
        assert answer.content_type == "application/zip"
        with zipfile.ZipFile(io.BytesIO(await answer.read())) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == {"drop/in/a.txt": b"1\n"}
    gone = await definition.call("GET", f"build/builds/{ran.id}/artifacts?artifactName=other")
    assert (gone.status, gone.type_key) == (404, "ArtifactNotFoundException")


async def test_an_artifact_is_published_once_and_missing_ones_fail(definition: Definition) -> None:
    publish = Step("publish", "hello.txt", "publish", inputs={"artifact": "drop"})
    ran = await definition.ran(
        one_job(publish, Step("publish", "hello.txt", "again", inputs={"artifact": "drop"}))
    )
    assert ran.results("Task")["again"] == "failed"
    assert "already exists" in ran.record("Task", "again")["issues"][0]["message"]
    download = Step("download", "current", "get", inputs={"artifact": "none"})
    assert (await definition.ran(one_job(download))).result == "failed"


async def test_test_results_and_coverage_are_read_from_files(definition: Definition) -> None:
    files = {"TEST-a.xml": JUNIT, "sub/b.trx": TRX, "coverage.xml": COBERTURA, "sub/bare.xml": BARE_COBERTURA}
    write = "import json,pathlib\n" + "\n".join(
        f"p=pathlib.Path({name!r});p.parent.mkdir(exist_ok=True);p.write_text(json.loads({json.dumps(text)!r}))"
        for name, text in files.items()
    )
    ran = await definition.ran(
        one_job(
            bash(f"cat > w.py <<'END'\n{write}\nEND\npython w.py", "write"),
            task("PublishTestResults@2", "junit"),
            task(
                "PublishTestResults@2", "trx", inputs={"testResultsFormat": "VSTest", "testRunTitle": "net"}
            ),
            task("PublishTestResults@2", "none", inputs={"testResultsFiles": "**/nothing.xml"}),
            task("PublishCodeCoverageResults@2", "v2", inputs={"summaryFileLocation": "**/coverage.xml"}),
            task(
                "PublishCodeCoverageResults@1",
                "v1",
                inputs={
                    "codeCoverageTool": "Cobertura",
                    "summaryFileLocation": "$(Build.SourcesDirectory)/sub/bare.xml",
                },
            ),
            task("PublishTestResults@2", "fails", inputs={"failTaskOnFailedTests": "true"}),
        )
    )
    assert ran.results("Task") | {
        "junit": "succeeded",
        "none": "succeeded",
        "fails": "failed",
    } == ran.results("Task")
    query = f"buildId={ran.id}"
    preview = {"version": "7.1-preview.1"}
    summary = (await definition.call("GET", f"testresults/resultsummarybybuild?{query}", **preview)).body
    found = summary["aggregatedResultsAnalysis"]
    counts = {name: one["count"] for name, one in found["resultsByOutcome"].items()}
    assert (found["totalTests"], counts) == (7, {"Passed": 3, "Failed": 2, "NotExecuted": 2})
    assert found["duration"] == "00:00:03.0000000"
    coverage = (await definition.call("GET", f"testresults/codecoverage?{query}", **preview)).body
    stats = coverage["coverageData"][0]["coverageStats"]
    assert [(s["label"], s["covered"], s["total"]) for s in stats] == [("Lines", 31, 42), ("Branches", 1, 4)]
    assert coverage["coverageDetailedSummaryStatus"] == "codeCoverageSuccess"
    runs = (await definition.call("GET", f"test/runs?buildUri={ran.build['uri']}")).value
    assert [(run["name"], run["totalTests"]) for run in runs][1] == ("net", 1)
    plain = await definition.call("GET", f"testresults/codecoverage?{query}")
    assert (plain.status, plain.type_key) == (400, "VssInvalidPreviewVersionException")


async def test_a_build_without_tests_has_none(definition: Definition) -> None:
    ran = await definition.ran(one_job(bash("true")))
    query, preview = f"buildId={ran.id}", {"version": "7.1-preview.1"}
    summary = (await definition.call("GET", f"testresults/resultsummarybybuild?{query}", **preview)).body
    assert summary["aggregatedResultsAnalysis"]["totalTests"] == 0
    coverage = (await definition.call("GET", f"testresults/codecoverage?{query}", **preview)).body
    assert coverage["coverageData"] == []
