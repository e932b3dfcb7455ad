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
from typing import Any

import pytest
import requests

from ops.settings import REPOSITORY
from tests.flows.article_publishing.support.publishing import SECRET, Publishing, document
from tests.flows.article_publishing.support.targets import TOKENS
from tests.flows.user_onboarding.support.onboarding import TABLE, Onboarding, event_of, new_signup
from tests.support.leaks import everywhere, forms, messages, where
from tests.support.platform import FLOW, Platform

#: The files that start the local database's server, which only their owner can read, and the
#: provider's own log, which only the tests ask for: with TF_LOG it holds each request in full, also
#: the one that sets a secret's value.
NAMED = re.compile(r"folder \S+/(database/(administrator\.json|start\.sql)|logs/terraform\.log)$")
#: Where people may be: in the rows' files, in executions and in their log, in environments other
#: than prd. `test_observability` proves that prd's log has no data of executions.
OF_A_LEAD = re.compile(
    r"folder \S+/database/data/\S+"
    r"|execution \S+:flowbridge-local-crm-registration:\S+"
    r"|log /aws/vendedlogs/states/flowbridge-local-crm-registration"
)
#: A sign-up leaves a record and a mail instead of rows.
OF_A_SIGNUP = re.compile(
    r"table flowbridge-local-user-onboarding-users|mails"
    r"|execution \S+:flowbridge-local-user-onboarding:\S+"
    r"|log /aws/vendedlogs/states/flowbridge-local-user-onboarding"
)


@dataclass(frozen=True)
class Marked:
    """The values to search for, by what they are, and the queue of the failed leads."""

    people: dict[str, str]
    users: dict[str, str]
    secrets: dict[str, str]
    failed: str


def person() -> dict[str, Any]:
    """Return a lead that no other can be mistaken for."""
    token = secrets.token_hex(6)
    return {
        "name": f"Name{token}",
        "lastname": f"Lastname{token}",
        "rut": f"{700_000_000 + secrets.randbelow(90_000_000)}-4",
        "phone": f"+{10**14 + secrets.randbelow(10**13)}",
        "mail": f"mail{token}@example.com",
        "store": "est_central",
        "wantsBenefit": True,
    }


def values_of(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a secret that are secret, with their names."""
    try:
        fields = json.loads(secret)
    except ValueError:
        fields = {"value": secret}
    for name, value in fields.items() if isinstance(fields, dict) else ():
        if name in ("password", "value") and isinstance(value, str):
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


def sign_up(platform: Platform) -> dict[str, str]:
    """Send one valid and one failing sign-up; return their marks."""
    onboarding = Onboarding(platform.settings)
    token = secrets.token_hex(6)
    good = {"tenantId": "acme", "email": f"good{token}@example.com", "name": f"Good{token}"}
    bad = {**new_signup(), "email": f"bad{token} at example.com", "name": f"Bad{token}"}
    url = f"{onboarding.outputs['flows']['user_onboarding']['apis']['signup']['url']}/signup"
    taken = requests.post(url, json=good, timeout=30)
    door = {name: bad[name] for name in good}
    assert requests.post(url, json=door, timeout=30).status_code == 400
    assert onboarding.ended(taken.json()["id"])[0].status == "SUCCEEDED"
    execution, _ = onboarding.ended(*onboarding.send(event_of(bad)))
    assert execution.error == "InvalidSignup"
    return {
        f"{field} of {who}": person[field]
        for who, person in (("who signed up", good), ("who could not", bad))
        for field in ("email", "name")
    }


@pytest.fixture(scope="module")
def marked(platform: Platform) -> Marked:
    """Leads: one arrives, one has a client with other data, one is none; and two sign-ups."""
    good, changed, bad = person(), person(), person()
    changed["rut"] = good["rut"]
    bad["phone"] = f"{bad['phone']}9999"
    assert platform.ended(*platform.publish(good))[0].status == "SUCCEEDED"
    errors = [platform.ended(event)[0].error for event in platform.publish(changed, bad)]
    assert errors == ["CrmRejected", "InvalidLead"]
    # Refused by the endpoint itself: the document's rules let such a body through.
    url, key = platform.outputs["flows"][FLOW]["apis"]["crm"]["url"], platform.api_key()
    body = {name: bad[name] for name in ("name", "lastname", "rut", "mail")} | {"phone": 123456}
    twice = f'{json.dumps(body)[:-1]}, "mail": "{bad["mail"]}"}}'
    headers = {"x-api-key": key, "content-type": "application/json"}
    answer = requests.post(f"{url}/create_client", data=twice, headers=headers, timeout=30)
    assert answer.status_code == 400
    people = {
        f"{field} of {who}": str(lead[field])
        for who, lead in (("good", good), ("changed", changed), ("bad", bad))
        for field in ("name", "lastname", "rut", "phone", "mail")
    }
    users = sign_up(platform)
    return Marked(people, users, secrets_of(platform), platform.flow.failed_queue_url)


@pytest.fixture(scope="module")
def found(
    platform: Platform, marked: Marked, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """The places of each mark."""
    plan = tmp_path_factory.mktemp("plan") / "plan"
    platform.terraform.plan(file=plan)
    return where(everywhere(platform, plan), marked.people | marked.users | marked.secrets)


def test_secrets_are_in_secrets_manager_alone(
    platform: Platform, marked: Marked, found: dict[str, set[str]]
) -> None:
    assert len(marked.secrets) >= 4, "an API key, two database users, the server's administrator"
    assert platform.api_key() in marked.secrets.values()

    assert leaks(found, marked.secrets, NAMED) == {}


def test_people_are_where_their_data_lives_alone(
    platform: Platform, marked: Marked, found: dict[str, set[str]]
) -> None:
    assert leaks(found, marked.people, OF_A_LEAD) == {}
    assert leaks(found, marked.users, OF_A_SIGNUP) == {}


def test_targets_tokens_are_in_secrets_manager_alone(publishing: Publishing) -> None:
    """Tokens were used, refused and left out; authors' data of the CMS is dropped."""
    publishing.targets.reset()
    publishing.targets.answer_next("devto", 401)
    author = f"author{secrets.token_hex(6)}@example.com"
    assert publishing.published(document(author={"email": author})).error == "TargetRefused"
    assert publishing.call(document(), secret="another").status_code == 401
    plan, _ = publishing.second_plan
    kept = secrets_of(publishing)

    found = where(everywhere(publishing, plan), {**kept, "the author": author})

    assert {SECRET, TOKENS["medium"], TOKENS["devto"], TOKENS["hashnode"]} <= {*kept.values()}
    assert leaks(found, {**kept, "the author": author}, NAMED) == {}


def test_nothing_is_added_to_traces() -> None:
    """The emulator keeps none, so the functions must not know how to write into them."""
    sources = (REPOSITORY / "lambda_src").rglob("*")
    texts = [file for file in sources if file.suffix in (".py", ".in", ".txt")]

    assert [file for file in texts if "xray" in file.read_text().lower()] == []
    assert texts


def test_the_search_finds_what_is_there(
    platform: Platform, marked: Marked, found: dict[str, set[str]]
) -> None:
    """The failed leads and the rows are whole, and the search saw them in the executions."""
    kept = {"failed": messages(platform, marked.failed)}
    assert not where(kept.items(), {"rut": marked.people["rut of bad"]})["rut"].isdisjoint(kept)
    assert len(platform.rows(marked.people["rut of good"])["CLIENTS"]) == 1
    for name in marked.people | marked.users:
        assert [place for place in found[name] if place.startswith("execution ")], name
    for name in ("rut of good", "mail of good"):
        assert [place for place in found[name] if "/database/data/" in place], name
    assert {"mails", f"table {TABLE}"} <= found["email of who signed up"]


def test_the_search_finds_what_is_put_there(
    platform: Platform, marked: Marked, tmp_path: Path
) -> None:
    """A mark that is put into each kind of place is found in each, packed and coded too."""
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
    client, name = platform.aws.client("lambda"), platform.function("CreateClient")
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    tags = {"leak-control": value}
    coded = {"log": sorted(forms(value))[0].decode()}
    try:
        s3.put_object(Bucket=bucket, Key="leak-control", Body=archive.getvalue())
        ssm.put_parameter(Name=f"/{group}", Type="SecureString", Value=value)
        sqs.tag_queue(QueueUrl=marked.failed, Tags=tags)
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
        sqs.untag_queue(QueueUrl=marked.failed, TagKeys=list(tags))
        logs.delete_log_group(logGroupName=group)
        file.unlink(missing_ok=True)
        client.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    kinds = {place.split()[0] for place in places}
    assert kinds >= {"plan", "bucket", "parameter", "queue", "log", "folder", "function"}
    assert f"bucket {bucket}/leak-control!inner/file" in places
