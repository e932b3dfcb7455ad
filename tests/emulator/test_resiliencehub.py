"""The emulator assesses the resources of an application honestly, and takes its time."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.patches.resiliencehub import sources
from emulator.patches.resiliencehub.assessment import (
    BREACHED,
    MET,
    NEVER,
    Resource,
    compliance,
    overall,
    verdict,
)
from emulator.patches.resiliencehub.service import QUOTA, ResilienceHub
from emulator.services import Refused

HOURS = 3600
POLICY = {name: {"rtoInSecs": 4 * HOURS, "rpoInSecs": HOURS} for name in ("Software", "AZ")}
SAFE = Resource("table", "leads", {"point_in_time_recovery": True})
UNSAFE = Resource("bucket", "pictures", {"versions": False})


@pytest.mark.parametrize(
    ("resource", "disruption", "rto", "rpo"),
    [
        (SAFE, "Software", 2 * HOURS, 300),
        (Resource("table", "t", {}), "Software", NEVER, NEVER),
        (Resource("table", "t", {}), "AZ", 0, 0),
        (Resource("table", "t", {"replicas": True}), "Region", 0, 60),
        (UNSAFE, "Software", NEVER, NEVER),
        (Resource("bucket", "b", {"versions": True}), "Software", HOURS, 0),
        (Resource("database", "d", {"backup_days": 7}), "AZ", 2 * HOURS, 300),
        (Resource("database", "d", {"backup_days": 7, "multi_az": True}), "AZ", 120, 0),
        (Resource("database", "d", {"multi_az": True}), "Software", NEVER, NEVER),
        (Resource("stateless", "f", {}), "Region", 4 * HOURS, 0),
        (Resource("messages", "q", {}), "Region", NEVER, NEVER),
    ],
)
def test_the_rule_reads_the_settings(
    resource: Resource, disruption: str, rto: int, rpo: int
) -> None:
    policy = {disruption: {"rtoInSecs": rto, "rpoInSecs": rpo}}
    found = compliance(resource, policy)[disruption]

    assert (found["currentRtoInSecs"], found["currentRpoInSecs"]) == (rto, rpo)
    assert found["complianceStatus"] == MET
    if rto:
        shorter = {disruption: {"rtoInSecs": rto - 1, "rpoInSecs": rpo}}
        assert compliance(resource, shorter)[disruption]["complianceStatus"] == BREACHED


def test_the_worst_resource_decides_and_its_remedy_is_named() -> None:
    found = overall(compliance(resource, POLICY) for resource in (SAFE, UNSAFE))

    assert verdict(found) == BREACHED
    assert found["AZ"]["complianceStatus"] == MET
    assert found["Software"]["rtoDescription"] == "Unrecoverable"
    assert found["Software"]["message"] == "pictures: Enable versions of objects."
    assert verdict(overall([compliance(SAFE, POLICY)])) == MET
    assert verdict({}) == "NotApplicable"


def test_resources_are_read_from_a_state_file() -> None:
    def block(kind: str, **attributes: Any) -> dict[str, Any]:
        return {"mode": "managed", "type": kind, "instances": [{"attributes": attributes}]}

    state = {
        "resources": [
            block("aws_dynamodb_table", name="t", point_in_time_recovery=[{"enabled": True}]),
            block("aws_s3_bucket", bucket="b"),
            block(
                "aws_s3_bucket_versioning",
                bucket="b",
                versioning_configuration=[{"status": "Enabled"}],
            ),
            block("aws_s3_bucket", bucket="c"),
            block("aws_db_instance", identifier="d", backup_retention_period=7, multi_az=False),
            block("aws_sqs_queue", name="q"),
            block("aws_iam_role", name="r"),
            {**block("aws_s3_bucket", bucket="other"), "mode": "data"},
        ]
    }

    assert sources.of_state(state) == [
        Resource("table", "t", {"point_in_time_recovery": True, "replicas": False}),
        Resource("bucket", "b", {"versions": True, "replication": False}),
        Resource("bucket", "c", {"versions": False, "replication": False}),
        Resource("database", "d", {"backup_days": 7, "multi_az": False}),
        Resource("messages", "q", {}),
    ]


def test_resources_are_read_from_a_stack() -> None:
    found = sources.of_stack(
        [
            {
                "Type": "AWS::S3::Bucket",
                "Name": "b",
                "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
            },
            {"Type": "AWS::RDS::DBInstance", "Name": "d", "Properties": {"MultiAZ": "true"}},
            {"Type": "AWS::IAM::Role", "Name": "r"},
        ]
    )

    assert found == [
        Resource("bucket", "b", {"versions": True, "replication": False}),
        Resource("database", "d", {"backup_days": 1, "multi_az": True}),
    ]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://states/dev/terraform.tfstate", ("states", "dev/terraform.tfstate")),
        ("https://states.s3.us-east-1.amazonaws.com/a/b", ("states", "a/b")),
        ("https://example.com/a", None),
    ],
)
def test_the_place_of_a_state_file(url: str, place: tuple[str, str] | None) -> None:
    assert sources.place_of(url) == place


class Hub(ResilienceHub):
    """The service with a clock that is moved, one application, and what a source holds."""

    def __init__(self, *found: Resource, policy: bool = True) -> None:
        self.now, self.found = 0.0, list(found)
        super().__init__(lambda: "us-east-1:1", read=self, clock=lambda: self.now)
        asked = {"policyName": "p", "tier": "Critical", "policy": POLICY}
        arn = self.create_resiliency_policy(asked)["policy"]["policyArn"]
        given = {"policyArn": arn} if policy else {}
        self.app = {"appArn": self.create_app({"name": "a", **given})["app"]["appArn"]}

    def state(self, url: str) -> list[Resource]:
        if url == "s3://none/x":
            raise LookupError(f"{url} does not exist")
        return self.found

    def load(self, url: str = "s3://states/x") -> str:
        """Import, and return how that ended."""
        source = {"terraformSources": [{"s3StateFileUrl": url}]}
        self.import_resources_to_draft_app_version({**self.app, **source})
        self.now += 5
        shown = self.describe_draft_app_version_resources_import_status(self.app)
        return str(shown["status"])

    def assess(self, name: str = "first") -> dict[str, Any]:
        """Assess the release, and return the result."""
        asked = {**self.app, "appVersion": "release", "assessmentName": name}
        arn = self.start_app_assessment(asked)["assessment"]["assessmentArn"]
        self.now += 5
        found: dict[str, Any] = self.describe_app_assessment({"assessmentArn": arn})["assessment"]
        return found


def test_an_assessment_takes_its_time_and_tells_nothing_before() -> None:
    hub = Hub(SAFE)
    assert hub.load() == "Success"
    hub.publish_app_version(hub.app)
    asked = {**hub.app, "appVersion": "release", "assessmentName": "a"}
    arn = {"assessmentArn": hub.start_app_assessment(asked)["assessment"]["assessmentArn"]}
    statuses = []
    for _ in range(4):
        shown = hub.describe_app_assessment(arn)["assessment"]
        statuses.append((shown["assessmentStatus"], shown.get("complianceStatus")))
        hub.now += 0.5

    assert statuses == [
        ("Pending", None),
        ("InProgress", None),
        ("InProgress", None),
        ("Success", MET),
    ]


def test_what_was_imported_counts_once_it_is_published() -> None:
    hub = Hub(SAFE)
    hub.load()
    hub.publish_app_version(hub.app)
    hub.found = [UNSAFE]
    hub.load()
    assert hub.assess("before")["complianceStatus"] == MET
    hub.publish_app_version(hub.app)

    assert hub.assess("after")["complianceStatus"] == BREACHED


def test_faults_have_their_own_answers() -> None:
    hub = Hub(SAFE)
    assert hub.load("s3://none/x") == "Failed"
    hub.load()
    hub.publish_app_version(hub.app)
    for number in range(QUOTA):
        hub.assess(str(number))
    for name, code in (("0", "ConflictException"), ("new", "ServiceQuotaExceededException")):
        with pytest.raises(Refused) as refused:
            hub.assess(name)
        assert refused.value.code == code
    hub.now += 31 * 24 * HOURS
    assert hub.assess("next month")["complianceStatus"] == MET


def test_an_import_excludes_another_one() -> None:
    hub = Hub(SAFE)
    source = {**hub.app, "terraformSources": [{"s3StateFileUrl": "s3://states/x"}]}
    hub.import_resources_to_draft_app_version(source)

    for call in (hub.import_resources_to_draft_app_version, hub.publish_app_version):
        with pytest.raises(Refused) as refused:
            call(source)
        assert refused.value.code == "ConflictException"


def test_without_a_policy_or_resources_nothing_is_met() -> None:
    hub = Hub(SAFE, policy=False)
    hub.load()
    hub.publish_app_version(hub.app)
    assert hub.assess()["complianceStatus"] == "MissingPolicy"

    empty = Hub()
    empty.load()
    empty.publish_app_version(empty.app)
    assert empty.assess()["assessmentStatus"] == "Failed"
