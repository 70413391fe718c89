"""The pipelines that the contract of `PipelineProvider` runs."""

PATH = "/azure-pipelines.yml"
PARAMETERS = "trigger: none\nparameters:\n- {name: csOperationId, type: string, default: ''}\n"
JUNIT = (
    '<testsuite name="unit" tests="3"><testcase classname="a" name="one"/>'
    '<testcase classname="a" name="two"/>'
    '<testcase classname="a" name="three"><failure message="no">no</failure></testcase></testsuite>'
)
COBERTURA = '<coverage lines-valid="8" lines-covered="6" line-rate="0.75"><packages/></coverage>'
YAML = f"""\
{PARAMETERS}
stages:
- stage: build
  displayName: Build it
  jobs:
  - job: compile
    displayName: Compile it
    steps:
    - checkout: none
    - bash: |
        echo "hello from the build"
        mkdir out
        echo one > out/one.txt
        echo '{JUNIT}' > unit.xml
        echo '{COBERTURA}' > coverage.xml
      displayName: Say hello
    - task: PublishTestResults@2
      inputs: {{testResultsFormat: JUnit, testResultsFiles: unit.xml, testRunTitle: unit}}
    - task: PublishCodeCoverageResults@2
      inputs: {{summaryFileLocation: coverage.xml}}
    - publish: out
      artifact: packages
- stage: package
  dependsOn: build
  jobs:
  - job: pack
    steps:
    - checkout: none
    - bash: echo packed
"""
FAILING = f"""\
{PARAMETERS}
stages:
- stage: build
  jobs:
  - job: compile
    steps: [checkout: none, bash: exit 3]
- stage: package
  jobs:
  - job: pack
    steps: [checkout: none, bash: echo packed]
"""
GATED = f"""\
{PARAMETERS}
stages:
- stage: deploy
  jobs:
  - deployment: roll_out
    environment: production
    strategy: {{runOnce: {{deploy: {{steps: [bash: echo deployed]}}}}}}
"""
