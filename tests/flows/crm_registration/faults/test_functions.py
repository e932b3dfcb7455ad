"""Functions die, run out of time, lack a right, or hold a secret that is no longer good."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time

import pytest

from tests.flows.crm_registration.support.leads import CALLERS, WRITERS, Faulty, Leads
from tests.flows.crm_registration.support.registration import FLOW
from tests.support.fault_proxy import Fault
from tests.support.platform import wait_for


def test_a_writer_is_killed_in_the_middle_of_a_write(faulty: Faulty, stream: Leads) -> None:
    rut = stream.new()["rut"]
    with faulty.blocked_insert(rut):
        stream.send_again(*stream.items)
        wait_for(faulty.is_inserting, "an INSERT that waits")
        killed = kill(faulty, "create_client")

    assert killed
    stream.settle()


@pytest.mark.long
@pytest.mark.parametrize("keys", [CALLERS, WRITERS, ("ReceiveLead",)])
def test_functions_are_killed_again_and_again(
    faulty: Faulty, stream: Leads, keys: tuple[str, ...]
) -> None:
    killed = 0
    with stream.flowing(16):
        for _ in range(12):
            killed += kill(faulty, *keys)
            time.sleep(0.5)

    reasons = stream.settle()

    assert killed
    errors = {reason.split()[1] for reason in reasons}
    # Both are tried again; so often killed, some leads wait all the same. RuntimeError is the
    # emulator's own: a process that dies at its start takes the code of the others with it.
    assert errors <= {"Runtime.ExitError", "CrmUnavailable", "RuntimeError"}, reasons


@pytest.mark.long
def test_what_keeps_failures_is_killed_again_and_again(faulty: Faulty, stream: Leads) -> None:
    killed = 0
    with faulty.api.fault(Fault(status=400, delivered=False)):
        with stream.flowing(8):
            for _ in range(8):
                killed += kill(faulty, "CatchErrors")
                time.sleep(0.5)
        waiting = stream.waiting(stream.ended())

    assert killed
    assert len(waiting) == 8
    stream.settle()


@pytest.mark.long
@pytest.mark.parametrize("keys", [WRITERS, CALLERS])
def test_functions_run_out_of_time(faulty: Faulty, stream: Leads, keys: tuple[str, ...]) -> None:
    rut = stream.new()["rut"]
    with faulty.platform.configured({key: {} for key in keys}, timeout=2):
        with faulty.blocked_insert(rut):
            stream.send_again(*stream.items)
            wait_for(faulty.is_inserting, "an INSERT that waits")
            with stream.flowing(8):
                time.sleep(4)
        stream.ended()

    stream.settle()


@pytest.mark.long
def test_a_function_lacks_a_right(faulty: Faulty, stream: Leads) -> None:
    platform = faulty.platform
    # New environments, for one that holds the key needs no right to read it.
    with (
        platform.configured({"CreatePartner": {}}),
        platform.without_statement(platform.function("CreatePartner"), "ReadApiKey"),
    ):
        stream.send(4)
        waiting = stream.waiting(stream.ended())

    assert waiting == ["failed: ConfigurationError in CreatePartner"] * 4
    stream.settle()


@pytest.mark.long
def test_what_keeps_failures_lacks_a_right(faulty: Faulty, stream: Leads) -> None:
    platform = faulty.platform
    with (
        faulty.api.refusing(),
        platform.without_statement(platform.function("CatchErrors"), "QueueFailures"),
    ):
        stream.send(4)
        waiting = stream.waiting(stream.ended())

    assert len(waiting) == 4
    assert all(reason.startswith("stuck") for reason in waiting)
    stream.settle()


@pytest.mark.long
def test_the_api_key_is_rotated_in_the_middle(faulty: Faulty, stream: Leads) -> None:
    """As Terraform does it, twice: the first key is gone then."""
    platform = faulty.platform
    issuer = platform.function("api_key_issuer")
    gateway = platform.aws.client("apigateway")
    secret = platform.outputs["flows"][FLOW]["apis"]["crm"]["api_key_secret_arn"]
    name = secret.split(":")[-1].rsplit("-", 1)[0]
    [plan] = [p["id"] for p in gateway.get_usage_plans()["items"] if "crm-api" in p["name"]]
    first = platform.api_key()
    with stream.flowing(16):
        for generation in (101, 102):
            payload = {
                "name": name,
                "usage_plan_id": plan,
                "secret_arn": secret,
                "generation": generation,
            }
            error, answer = platform.invoke(issuer, payload, "live")
            assert error is None, answer
            time.sleep(1.5)

    assert not stream.settle()
    keys = gateway.get_api_keys(nameQuery=name, includeValues=True)["items"]
    assert platform.api_key() in [key["value"] for key in keys]
    assert first not in [key["value"] for key in keys]


@pytest.mark.long
def test_the_databases_password_is_rotated_in_the_middle(faulty: Faulty, stream: Leads) -> None:
    """As Terraform does it: the secret first, then the function that changes it in the database."""
    platform = faulty.platform
    client = platform.aws.client("secretsmanager")
    arn = platform.outputs["database"]["secret_arn"]
    before = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    after = {**before, "password": secrets.token_urlsafe(24)}
    with stream.flowing(16):
        client.put_secret_value(SecretId=arn, SecretString=json.dumps(after))
        # Connections that are open stay good; those that are made now are refused.
        faulty.database.reset()
        time.sleep(2)
        error, answer = platform.invoke(platform.function("migrate"), {}, "live")
        assert error is None, answer

    stream.settle()


@pytest.mark.long
def test_the_cloud_stands_still_for_a_while(faulty: Faulty, stream: Leads) -> None:
    pid = int((faulty.platform.settings.folder / "emulator.pid").read_text())
    stream.send(8)
    time.sleep(1)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(8)
    finally:
        os.kill(pid, signal.SIGCONT)

    stream.settle()


def kill(faulty: Faulty, *keys: str) -> int:
    """Kill the processes that run functions, and return how many there were."""
    found = faulty.workers(*keys)
    for process in found:
        process.kill()
    return len(found)
