"""Marked secrets and marked people go all the way; then everything is searched for them."""

from __future__ import annotations

import io
import json
import re
import secrets
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.settings import REPOSITORY
from tests.support.expectations import Marks, expectations_of
from tests.support.leaks import everywhere, forms, messages, where
from tests.support.platform import Platform
from tests.support.running import RunningFlow

#: The files that start the local database's server, which only their owner can read, and the
#: provider's own log, which only the tests ask for: with TF_LOG it holds each request in full, also
#: the one that sets a secret's value.
NAMED = re.compile(r"folder \S+/(database/(administrator\.json|start\.sql)|logs/terraform\.log)$")


@dataclass(frozen=True)
class Marked:
    """Each flow's marks in an environment, and the secrets of the environment by name."""

    marks: list[tuple[RunningFlow, Marks]]
    secrets: dict[str, str]

    @property
    def people(self) -> dict[str, str]:
        """The personal values, by the flow and what they are."""
        return {
            f"{flow.name}: {name}": value
            for flow, marks in self.marks
            for name, value in marks.people.items()
        }


def values_of(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a secret that are secret, with their names."""
    try:
        fields = json.loads(secret)
    except ValueError:
        fields = {"value": secret}
    for name, value in fields.items() if isinstance(fields, dict) else ():
        if name in ("key", "password", "value") and isinstance(value, str):
            yield name, value


def secrets_of(platform: Platform) -> dict[str, str]:
    """Return an environment's secrets, by their names."""
    client = platform.aws.client("secretsmanager")
    kept = {
        f"{name} of {entry['Name']}": value
        for entry in client.list_secrets()["SecretList"]
        for name, value in values_of(client.get_secret_value(SecretId=entry["ARN"])["SecretString"])
    }
    administrator = platform.settings.folder / "database" / "administrator.json"
    kept["the server's administrator"] = json.loads(administrator.read_text())["password"]
    return kept


def leaks(
    found: dict[str, set[str]], marks: dict[str, str], allowed: re.Pattern[str]
) -> dict[str, list[str]]:
    """Return where each mark is that may not be there."""
    places = {
        name: sorted(place for place in found[name] if not allowed.fullmatch(place))
        for name in marks
    }
    return {name: wrong for name, wrong in places.items() if wrong}


@pytest.fixture(scope="module")
def marked(environment: list[RunningFlow]) -> Marked:
    """The marks that each flow was given to keep."""
    marks = [(flow, expectations_of(flow.name).marks(flow)) for flow in environment]
    return Marked(marks, secrets_of(environment[0]))


@pytest.fixture(scope="module")
def places_of(environment: list[RunningFlow], marked: Marked) -> dict[str, set[str]]:
    """The places of each mark."""
    platform = environment[0]
    plan, _ = platform.second_plan
    return where(everywhere(platform, plan), marked.people | marked.secrets)


def test_secrets_are_in_secrets_manager_alone(
    marked: Marked, places_of: dict[str, set[str]]
) -> None:
    kept = {*marked.secrets.values()}
    for flow, marks in marked.marks:
        assert {name for name, value in marks.secrets.items() if value not in kept} == set(), flow

    assert leaks(places_of, marked.secrets, NAMED) == {}


def test_people_are_where_their_data_lives_alone(
    marked: Marked, places_of: dict[str, set[str]]
) -> None:
    for flow, marks in marked.marks:
        names = {f"{flow.name}: {name}": value for name, value in marks.people.items()}
        places = re.compile(expectations_of(flow.name).places)

        assert leaks(places_of, names, places) == {}


def test_nothing_is_added_to_traces() -> None:
    """The emulator keeps none, so the functions must not know how to write into them."""
    sources = (REPOSITORY / "lambda_src").rglob("*")
    texts = [file for file in sources if file.suffix in (".py", ".in", ".txt")]

    assert [file for file in texts if "xray" in file.read_text().lower()] == []
    assert texts


def test_the_search_finds_what_is_there(marked: Marked, places_of: dict[str, set[str]]) -> None:
    """The failed events and the results are whole, and the search saw them in the executions."""
    for flow, marks in marked.marks:
        kept = messages(flow, flow.flow.failed_queue_url)
        for name in marks.failed:
            assert where([("failed", kept)], {name: marks.people[name]})[name] == {"failed"}
        for name, patterns in marks.searched.items():
            seen = places_of[f"{flow.name}: {name}"]
            for pattern in patterns:
                assert [place for place in seen if re.search(pattern, place)], (name, pattern)


def test_the_search_finds_what_is_put_there(environment: list[RunningFlow], tmp_path: Path) -> None:
    """A mark that is put into each kind of place is found in each, packed and coded too."""
    platform = environment[0]
    failed = platform.flow.failed_queue_url
    value = f"planted{secrets.token_hex(8)}"
    plan = tmp_path / "plan"
    plan.write_text(f"plan {value}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("inner/file", f"{value}")
    s3, logs = platform.aws.client("s3"), platform.aws.client("logs")
    ssm, sqs = platform.aws.client("ssm"), platform.aws.client("sqs")
    bucket = platform.terraform.environment.state_bucket
    group = "leak-control"
    file = platform.settings.folder / "logs" / "leak-control.log"
    client, name = platform.aws.client("lambda"), platform.function("CatchErrors")
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    tags = {"leak-control": value}
    coded = {"log": sorted(forms(value))[0].decode()}
    try:
        s3.put_object(Bucket=bucket, Key="leak-control", Body=archive.getvalue())
        ssm.put_parameter(Name=f"/{group}", Type="SecureString", Value=value)
        sqs.tag_queue(QueueUrl=failed, Tags=tags)
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        line = {"timestamp": 0, "message": json.dumps(coded)}
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[line])
        file.write_text(value)
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**before, "LEAK": value}}
        )
        places = where(everywhere(platform, plan), {"planted": value})["planted"]
    finally:
        for version in s3.list_object_versions(Bucket=bucket, Prefix="leak-control")["Versions"]:
            s3.delete_object(Bucket=bucket, Key="leak-control", VersionId=version["VersionId"])
        ssm.delete_parameter(Name=f"/{group}")
        sqs.untag_queue(QueueUrl=failed, TagKeys=list(tags))
        logs.delete_log_group(logGroupName=group)
        file.unlink(missing_ok=True)
        client.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    kinds = {place.split()[0] for place in places}
    assert kinds >= {"plan", "bucket", "parameter", "queue", "log", "folder", "function"}
    assert f"bucket {bucket}/leak-control!inner/file" in places
