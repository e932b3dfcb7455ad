"""Runs are checked, jobs are submitted once, and every waiting task gets its answer."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hpc_orchestration import claims, collect, receive_run, simulate, submit_collect
from hpc_orchestration.errors import InvalidRun, RunExists
from hpc_orchestration.files import Files
from hpc_orchestration.record import DONE, Record
from tests.support.functions import LambdaContext

OPTION = {
    "name": "a",
    "spot": 100,
    "strike": 100,
    "rate": 0.03,
    "volatility": 0.2,
    "years": 1,
}


def event(**detail: Any) -> dict[str, Any]:
    found = {"id": "1", "detail": {"runId": "r", "entries": [OPTION], **detail}}
    return {"event": found, "execution": "own"}


def test_a_run_gets_the_defaults_of_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Item()
    monkeypatch.setattr(receive_run, "client", lambda _: States())
    monkeypatch.setattr(receive_run, "Record", lambda *_: record)
    monkeypatch.setenv("TABLE", "t")

    run = receive_run.handler(event(shards=4), LambdaContext())

    assert record.fields == {"digest": receive_run.digest(event_run(run)), "execution": "own"}
    assert run == {
        "managedBy": "own",
        "runId": "r",
        "entries": [OPTION],
        "shards": 4,
        "paths": 10_000,
        "entriesPerJob": 1,
    }


@pytest.mark.parametrize(
    ("detail", "message"),
    [
        ({"runId": "No Spaces"}, "runId: must have 1 to 40"),
        ({"shards": 1}, "shards: must be a whole number from 2"),
        ({"paths": 1.5}, "paths: must be a whole number"),
        ({"entries": []}, "at least one option"),
        ({"entries": [OPTION, OPTION]}, "the same name"),
        ({"entries": [{**OPTION, "strike": 0}]}, "entries.0.strike: must be a list"),
        ({"entries": [{**OPTION, "name": "a_b"}]}, "entries.0.name"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_a_run_that_breaks_a_rule_is_refused_by_name(detail: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRun, match=message):
        receive_run.handler(event(**detail), LambdaContext())


def event_run(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run without the execution that computes it."""
    return {name: value for name, value in run.items() if name != "managedBy"}


class Executions:
    """Step Functions, with the status of the execution that owns a run."""

    def __init__(self, status: str | None) -> None:
        self.status = status
        self.exceptions = SimpleNamespace(ExecutionDoesNotExist=KeyError)

    def describe_execution(self, **_: str) -> dict[str, str]:
        if self.status is None:
            raise KeyError
        return {"status": self.status}


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_a_run_belongs_to_the_execution_that_began_it(status: str) -> None:
    record, states = Item(), Executions(status)

    assert [claims.claim(record, states, "d", name) for name in ("first", "second", "first")] == [
        "first"
    ] * 3
    assert record.fields["execution"] == "first"


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", None])
def test_the_run_of_a_failed_execution_is_taken_over(status: str | None) -> None:
    record = Item(digest="d", execution="first")

    assert claims.claim(record, Executions(status), "d", "second") == "second"
    assert record.fields["execution"] == "second"


def test_a_redriven_event_takes_over_from_an_execution_that_is_about_to_end() -> None:
    record, states = Item(digest="d", execution="first"), Executions("RUNNING")

    assert claims.claim(record, states, "d", "second", ["first"]) == "second"


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED"])
def test_another_run_of_the_same_id_is_refused_by_the_name_of_its_execution(status: str) -> None:
    record = Item(digest="d", execution="first")

    with pytest.raises(RunExists, match="that of first"):
        claims.claim(record, Executions(status), "other", "second", ["first"])
    assert record.fields == {"digest": "d", "execution": "first"}


def test_one_of_two_executions_takes_a_run_over() -> None:
    class Late(Item):
        """A record that another execution changes after the first look at it."""

        def read(self) -> dict[str, str]:
            found = super().read()
            self.fields["execution"] = "third"
            return found

    class States(Executions):
        def describe_execution(self, **asked: str) -> dict[str, str]:
            return {"status": "FAILED" if asked["executionArn"] == "first" else "RUNNING"}

    record = Late(digest="d", execution="first")

    assert claims.claim(record, States(None), "d", "second") == "third"


class Bucket:
    """The part of S3 that the jobs use."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_object(self, **asked: Any) -> Any:
        return {"Body": io.BytesIO(self.objects[asked["Key"]])}

    def list_objects_v2(self, **asked: Any) -> Any:
        return {
            "Contents": [{"Key": key} for key in self.objects if key.startswith(asked["Prefix"])]
        }

    def put_object(self, **asked: Any) -> None:
        self.objects[asked["Key"]] = asked["Body"]


class Item(Record):
    """A record that a test looks at."""

    def __init__(self, **fields: str) -> None:
        super().__init__(None, "", "r", "a")
        object.__setattr__(self, "fields", dict(fields))

    fields: dict[str, str]

    def read(self) -> dict[str, str]:
        return dict(self.fields)

    def create(self, **fields: str) -> bool:
        if self.fields:
            return False
        self.fields.update(fields)
        return True

    def write(self, when: Mapping[str, str] | None = None, **fields: str) -> bool:
        if when and not when.items() <= self.fields.items():
            return False
        self.fields.update(fields)
        return True


class States:
    """Step Functions, where some tokens are late."""

    def __init__(self, late: str = "") -> None:
        self.late = late
        self.answers: list[tuple[str, Any]] = []
        self.exceptions = type("Exceptions", (), {"ClientError": ClientError})

    def _check(self, token: str) -> None:
        if token == self.late:
            raise ClientError({"Error": {"Code": "TaskTimedOut"}}, "SendTaskSuccess")

    def send_task_heartbeat(self, **asked: str) -> None:
        self._check(asked["taskToken"])

    def send_task_success(self, **asked: str) -> None:
        self._check(asked["taskToken"])
        self.answers.append((asked["taskToken"], json.loads(asked["output"])))


def files() -> Files:
    made = Files(Bucket(), "b", "r", "a")
    made.write("entries", [OPTION])
    return made


def test_a_shard_is_simulated_once() -> None:
    some = files()

    assert [simulate.run(some, 0, 100, 2) for _ in range(2)] == [True, False]
    assert some.read("part-0")["a"][0] == 50


def test_the_collected_prices_answer_the_task() -> None:
    some, record, states = files(), Item(token="t"), States()
    for index in range(2):
        simulate.run(some, index, 20_000, 2)

    assert collect.run(some, record, states, 2)
    [price] = some.read("prices")
    assert price["paths"] == 20_000
    assert abs(price["price"] - price["exact"]) < 4 * price["error"]
    assert record.fields["status"] == DONE
    assert states.answers == [("t", {"prices": "runs/r/a/prices.json"})]


def test_prices_of_a_task_that_ended_are_kept_for_a_redrive() -> None:
    some, record = files(), Item(token="late")
    for index in range(2):
        simulate.run(some, index, 100, 2)

    assert not collect.run(some, record, States(late="late"), 2)
    assert record.fields["status"] == DONE


def test_prices_without_a_part_are_not_collected() -> None:
    record = Item(token="t")
    with pytest.raises(KeyError):
        collect.run(files(), record, States(), 2)

    assert "status" not in record.fields


class Jobs:
    """AWS Batch, which may refuse a job."""

    def __init__(self, record: Item, fails_at_once: bool = False) -> None:
        self.record, self.fails_at_once = record, fails_at_once
        self.submitted: list[dict[str, Any]] = []

    def submit_job(self, **asked: Any) -> None:
        self.submitted.append(asked)
        if self.fails_at_once:
            self.record.fields["jobState"] = "FAILED"


ASKED = {"runId": "r", "batch": "a", "shards": 2, "token": "new"}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The services of SubmitCollect, and its record."""
    record = Item()
    found: dict[str, Any] = {"stepfunctions": States(), "dynamodb": None, "record": record}
    found["batch"] = Jobs(record)
    monkeypatch.setattr(submit_collect, "client", lambda name: found[name])
    monkeypatch.setattr(submit_collect, "Record", lambda *_: found["record"])
    for name in ("TABLE", "JOB_QUEUE", "JOB_DEFINITION"):
        monkeypatch.setenv(name, name)
    return found


def test_a_job_is_submitted_without_the_token(services: dict[str, Any]) -> None:
    job = submit_collect.handler(ASKED, LambdaContext())["job"]

    [asked] = services["batch"].submitted
    assert asked["jobName"] == job == services["record"].fields["job"]
    assert asked["parameters"] == {"runId": "r", "batch": "a", "shards": "2"}
    assert services["record"].fields["token"] == "new"
    assert "new" not in json.dumps(asked)


def test_a_job_that_runs_gets_the_new_token(services: dict[str, Any]) -> None:
    services["record"].fields |= {"job": "old", "jobState": "SUBMITTED", "token": "old"}

    assert submit_collect.handler(ASKED, LambdaContext()) == {"job": "old"}
    assert services["batch"].submitted == []
    assert services["record"].fields["token"] == "new"


@pytest.mark.parametrize("state", ["FAILED", "SUBMITTING"])
def test_a_job_that_failed_or_may_not_exist_is_replaced(
    services: dict[str, Any], state: str
) -> None:
    services["record"].fields |= {"job": "old", "jobState": state}

    assert submit_collect.handler(ASKED, LambdaContext())["job"] != "old"
    assert len(services["batch"].submitted) == 1
    assert services["record"].fields["jobState"] == "SUBMITTED"


def test_a_job_that_dies_at_once_stays_failed(services: dict[str, Any]) -> None:
    services["batch"].fails_at_once = True
    submit_collect.handler(ASKED, LambdaContext())

    assert services["record"].fields["jobState"] == "FAILED"


def test_a_batch_that_is_done_answers_at_once(services: dict[str, Any]) -> None:
    services["record"].fields |= {"status": DONE, "job": "old"}

    assert submit_collect.handler(ASKED, LambdaContext()) == {"job": None}
    assert services["stepfunctions"].answers == [("new", {"prices": "runs/r/a/prices.json"})]
    assert services["batch"].submitted == []
