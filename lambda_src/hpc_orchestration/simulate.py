"""The job Simulate: one shard of the paths of a batch's options."""

from __future__ import annotations

import os
import sys

from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger
from hpc_orchestration.files import Files
from hpc_orchestration.pricing import shard_paths, simulate

log = get_logger("simulate")


def run(files: Files, index: int, paths: int, shards: int) -> bool:
    """Simulate a shard; return whether there was anything to do.

    Parameters
    ----------
    files
        The batch's files.
    index, shards
        Which shard, of how many.
    paths
        The paths of each option in all shards.
    """
    name = f"part-{index}"
    if files.has(name):
        return False
    sums = {
        entry["name"]: simulate(
            entry,
            shard_paths(paths, shards, index),
            f"{files.run}/{entry['name']}/{index}/{shards}",
        )
        for entry in files.read("entries")
    }
    files.write(name, sums)
    return True


def main() -> None:
    """Run the child of the array that the environment names."""
    run_id, batch, paths, shards = sys.argv[1:]
    index = int(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"])
    files = Files(client("s3"), config.required("BUCKET"), run_id, batch)
    is_new = run(files, index, int(paths), int(shards))
    log.info("shard simulated" if is_new else "shard was done before", extra={"shard": index})


if __name__ == "__main__":
    main()
