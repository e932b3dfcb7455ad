"""The job Collect: merge the shards of a batch into prices, and answer the task that waits."""

from __future__ import annotations

import sys
from typing import Any

from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger
from hpc_orchestration.files import Files
from hpc_orchestration.pricing import merged
from hpc_orchestration.record import DONE, Record
from hpc_orchestration.tokens import LATE, succeed

log = get_logger("collect")


def run(files: Files, record: Record, states: Any, shards: int) -> bool:
    """Write the prices; return whether the task still waited for them.

    Parameters
    ----------
    files, record
        The batch's.
    states
        The client of Step Functions.
    shards
        How many parts the batch has.
    """
    beat(states, record.read()["token"])
    parts = [files.read(f"part-{index}") for index in range(shards)]
    entries = files.read("entries")
    prices = [merged(entry, [part[entry["name"]] for part in parts]) for entry in entries]
    files.write("prices", prices)
    record.write(status=DONE)
    # Read again: a redrive may have put another task into the record meanwhile.
    return succeed(states, record.read()["token"], {"prices": files.key("prices")})


def beat(states: Any, token: str) -> None:
    """Send the task a heartbeat: its job has begun."""
    try:
        states.send_task_heartbeat(taskToken=token)
    except states.exceptions.ClientError as error:
        # The result is still wanted: a redrive finds it.
        if error.response["Error"]["Code"] not in LATE:
            raise


def main() -> None:
    """Run the job of the batch in the arguments."""
    run_id, batch, shards = sys.argv[1:]
    files = Files(client("s3"), config.required("BUCKET"), run_id, batch)
    record = Record(client("dynamodb"), config.required("TABLE"), run_id, batch)
    was_waited_for = run(files, record, client("stepfunctions"), int(shards))
    log.info("prices written", extra={"batch": batch, "was_waited_for": was_waited_for})


if __name__ == "__main__":
    main()
