"""Requests get the premium of the rules, once, and each leaves two items in the audit."""

from __future__ import annotations

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ops.flows import business_rules as hooks
from ops.local.signed import Keys
from ops.recovery import dead_letters
from tests.flows.business_rules.support.rules import (
    FLOW,
    HIGH,
    MACHINE,
    MED,
    RULES,
    Rules,
    named,
    request,
    unique,
    unthrottled,
)
from tests.support.fault_proxy import FaultProxy
from tests.support.platform import Platform, wait_for

CALLERS = 8
#: Requests of which every one must have its two items, and how many of them come while the engine
#: is down.
MANY = [
    pytest.param(60, 40, id="100"),
    pytest.param(700, 300, id="1000", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def rules(platform: Platform) -> Rules:
    return Rules.on(platform)


def test_the_published_examples_get_their_premiums(rules: Rules) -> None:
    high, med = request(HIGH), request(MED)

    assert rules.ask(high) == (
        200,
        {"response": {"id": "1231231", "premium": "360", "rule": "High Risk"}},
    )
    assert rules.ask(med) == (
        200,
        {"response": {"id": "1231231", "premium": "330", "rule": "Med Risk"}},
    )
    audit = rules.audit(high)
    assert json.loads(audit["request"]["raw_data"]) == high
    assert json.loads(audit["response"]["raw_data"])["premium"] == "360"
    assert {item["answer_kind"] for item in audit.values() if "answer_kind" in item} == {"answer"}
    assert all(uuid.UUID(item["audit_id"]) for item in audit.values())
    assert audit["request"]["asked_by"].startswith("arn:aws:")


def test_a_driver_of_21_has_the_rule_of_the_older(rules: Rules) -> None:
    assert [rules.premium(request(age=age)) for age in ("20", "21", "22")] == ["360", "330", "330"]


def test_other_cars_keep_their_premium(rules: Rules) -> None:
    assert rules.premium(request(color="BLUE")) == "300"


def test_the_same_request_gets_the_same_answer_and_is_counted(rules: Rules) -> None:
    first = request()
    assert rules.premium(first) == "360"

    with rules.rules(RULES.replace("percent: 20", "percent: 25")):
        again, new = rules.premium(first), rules.premium(request())

    assert (again, new) == ("360", "375")
    audit = rules.audit(first)
    assert len(audit) == 2
    assert (audit["request"]["times_asked"], audit["response"]["times_answered"]) == ("2", "1")


def test_new_rules_do_not_touch_the_flow(rules: Rules) -> None:
    def deployed() -> tuple[str, str]:
        machine = rules.aws.client("stepfunctions").describe_state_machine(
            stateMachineArn=rules.flow.state_machine_arn
        )
        function = rules.aws.client("lambda").get_function_configuration(
            FunctionName=rules.function("ExecuteRules"), Qualifier="live"
        )
        return machine["revisionId"], function["CodeSha256"]

    before = deployed()
    with rules.rules(RULES.replace("percent: 10", "percent: 12.5")):
        assert rules.premium(request(MED)) == "337.50"
    assert deployed() == before


def test_another_request_with_the_same_id_is_refused(rules: Rules) -> None:
    first = request()
    assert rules.premium(first) == "360"
    audit = rules.audit(first)

    status, body = rules.ask(hooks.changed(first, age="50"))

    assert (status, body["error"]) == (409, "RequestIdTaken")
    assert rules.audit(first) == audit


def test_one_request_many_times_at_once_has_one_answer(rules: Rules) -> None:
    new = request()

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda _: rules.ask(new), range(CALLERS)))

    assert {json.dumps(body, sort_keys=True) for _, body in answers} == {
        json.dumps(answers[0][1], sort_keys=True)
    }
    assert answers[0][0] == 200
    audit = rules.audit(new)
    assert len(audit) == 2
    assert audit["response"]["times_answered"] == "1"


@pytest.mark.parametrize(("up", "down"), MANY)
def test_every_request_has_two_items_also_when_the_engine_is_down(
    rules: Rules, up: int, down: int
) -> None:
    with (
        closing(FaultProxy(rules.settings.ports.emulator)) as proxy,
        rules.engine_at(proxy.port),
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        good = [request() for _ in range(up)]
        answers = list(pool.map(lambda new: unthrottled(lambda: rules.ask(new)), good))
        with proxy.refusing():
            bad = [request() for _ in range(down)]
            refusals = list(pool.map(lambda new: unthrottled(lambda: rules.ask(new)), bad))
        audits = list(pool.map(rules.audit, [*good, *bad]))
        # The caller sends the same request once more, and it is decided now.
        later = rules.premium(bad[0])

    assert {status for status, _ in answers} == {200}
    assert {(status, body["error"]) for status, body in refusals} == {(503, "EngineUnavailable")}
    assert {frozenset(audit) for audit in audits} == {frozenset(("request", "response"))}
    kinds = [audit["response"]["answer_kind"] for audit in audits]
    assert kinds == ["answer"] * up + ["error"] * down
    assert json.loads(audits[-1]["response"]["raw_data"]) == {"error": "EngineUnavailable"}
    assert later == "360"
    audit = rules.audit(bad[0])
    assert (len(audit), audit["response"]["answer_kind"]) == (2, "answer")


def test_an_audit_that_fails_stops_the_answer_and_is_queued(rules: Rules) -> None:
    new = request()
    with rules.role_without(MACHINE, "DynamodbUpdateItem"):
        status, body = rules.ask(new)

    assert (status, body["error"]) == (503, "AuditFailed")
    assert rules.audit(new) == {}
    sqs, url = rules.aws.client("sqs"), rules.flow.failed_queue_url

    def found() -> dead_letters.DeadLetter | None:
        letters = dead_letters.look(sqs, dead_letters.FAILED, url)
        return next((x for x in letters if (x.event or {}).get("detail") == new), None)

    letter = wait_for(found, "the request in its queue", 30)
    assert letter.error == "AuditFailed"
    assert rules.premium(new) == "360"


def test_the_report_shows_the_executions_of_the_log(rules: Rules, tmp_path: Path) -> None:
    """Step Functions lists no execution of an Express state machine."""
    good, bad = named(f"Good{unique()}"), named(f"Bad{unique()}")
    assert rules.ask(good)[0] == 200
    status, refusal = rules.ask({**good, "request": bad["request"]})
    assert status == 409
    answered = rules.audit(good)["response"]["answered_by"]

    def are_logged() -> bool:
        over = {one.name for one in rules.executions.newest(50) if one.is_over}
        return {answered, refusal["execution"]} <= over

    wait_for(are_logged, "both executions in the log", 30)
    masked, personal = tmp_path / "masked.html", tmp_path / "personal.html"
    for file, more in ((masked, []), (personal, ["PERSONAL=yes"])):
        run = rules.make("report", "SINCE=10m", f"OUT={file}", *more)
        assert run.code == 0, run.text
        assert re.search(r"[1-9]\d* executions", run.text)

    assert shown(masked, answered) == (
        "SUCCEEDED",
        "",
        ["AuditRequest", "IsRepeated", "ExecuteRules", "AuditResponse", "HasAnswer", "Answered"],
    )
    assert shown(masked, refusal["execution"]) == (
        "FAILED",
        "RequestIdTaken",
        ["AuditRequest", "CatchErrors", "RequestFailed"],
    )
    names = [one["request"]["driver"]["name"] for one in (good, bad)]
    assert [name for name in names if name in masked.read_text("utf-8")] == []
    assert [name for name in names if name in personal.read_text("utf-8")] == names


def shown(report: Path, execution: str) -> tuple[str, str, list[str]]:
    """Return an execution's status, error and states in a report."""
    before, found, after = report.read_text("utf-8").partition(f"<code>{execution}</code>")
    assert found, f"{execution} is not in the report"
    entry, _, _ = after.partition("<code>")
    status: str = re.findall(r'<summary><span class="([A-Z_]+)">', before)[-1]
    error = re.match(r'<span class="FAILED">(\w*)</span>', entry)
    assert error
    return status, error[1], re.findall(r"<b>([A-Z]\w+)</b>", entry)


def test_reconcile_says_that_there_are_no_events(rules: Rules) -> None:
    one = rules.make("reconcile", f"FLOW={FLOW}")
    every = rules.make("reconcile", "SINCE=1m")

    assert one.code != 0
    assert f"{FLOW} has no events to reconcile: its callers wait for the answers." in one.text
    assert "make report" in one.text
    _, _, section = every.text.partition(FLOW)
    assert section.strip().startswith("No events: its callers wait for the answers.")


def test_callers_need_a_signature_and_the_right(rules: Rules) -> None:
    iam, user = rules.aws.client("iam"), f"caller-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    try:
        assert rules.ask(request(), None)[0] == 403
        assert rules.ask(request(), Keys("AKIANOBODYATALL00000", "x"))[0] == 403
        assert rules.ask(request(), keys)[0] == 403
        right = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [right]})
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy)
        new = request()
        assert rules.ask(new, keys)[0] == 200
        assert rules.audit(new)["request"]["asked_by"].endswith(f":user/{user}")
        iam.delete_user_policy(UserName=user, PolicyName="p")
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=keys.key)
        iam.delete_user(UserName=user)


def test_the_audit_is_deleted_in_time(rules: Rules) -> None:
    found = rules.aws.client("dynamodb").describe_time_to_live(
        TableName=rules.output["tables"]["audit"]["name"]
    )["TimeToLiveDescription"]
    new = request()
    rules.premium(new)

    assert (found["TimeToLiveStatus"], found["AttributeName"]) == ("ENABLED", "expires_at")
    assert all(item["expires_at"].isdigit() for item in rules.audit(new).values())


def test_the_demo_shows_premiums_rules_and_audit(
    rules: Rules, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks.demo(rules.deployed)

    text = capsys.readouterr().out
    for wanted in ("premium 360", "premium 330", "375", "raw_data"):
        assert wanted in text
