"""WriteDataSet: write the files of some years of a data set."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from crawler_orchestration.data_sets import files, lines, usage_in
from flowbridge import config
from flowbridge.clients import client
from flowbridge.logs import get_logger

#: A client has 10 connections.
THREADS = 8

log = get_logger("write_data_set")


def handler(task: Any, _context: object) -> dict[str, Any]:
    """Return the data set with the number of its files, bytes and records, and their usage.

    A second call writes the same files again.

    Parameters
    ----------
    task
        ``dataSet``, ``firstYear`` and ``lastYear``.
    """
    bucket, s3 = config.required("DATA_BUCKET"), client("s3")
    name = task["dataSet"]
    written = {"files": 0, "bytes": 0, "records": 0, "usage": 0}

    def put(key: str, content: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")

    with ThreadPoolExecutor(THREADS) as pool:
        puts = []
        for key, records in files(name, task["firstYear"], task["lastYear"]):
            content = lines(records)
            puts.append(pool.submit(put, key, content))
            written["files"] += 1
            written["bytes"] += len(content)
            written["records"] += len(records)
            written["usage"] += usage_in(records)
        for one in puts:
            one.result()
    log.info("data set written", extra={"data_set": name, **written})
    return {"dataSet": name, **written}
