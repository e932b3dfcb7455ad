"""The hooks of the chain of DataBrew jobs: customers are cleaned, then selected."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from rich.table import Table

from ops.cli.screens import escape
from ops.cli.terminal import console, heading
from ops.flows import DeployedFlow, FlowHooks
from ops.local.demo import EXAMPLES, show_caused, show_failure, show_next_steps

CUSTOMERS = 10_000
#: The name of the file of raw customers.
RAW = "customers.csv"
SHOWN = 5
LEVELS = {
    "Graduate": 31,
    "High School": 20,
    "Unknown": 15,
    "Uneducated": 15,
    "College": 10,
    "Post-Graduate": 5,
    "Doctorate": 4,
}
INCOMES = ("Less than $40K", "$40K - $60K", "$60K - $80K", "$80K - $120K", "$120K +", "Unknown")
HEAD = (
    "Client_Number",
    "Attrition_Flag",
    "Customer_Age",
    "Gender",
    "Dependent_Count",
    "Education_Level",
    "Marital_Status",
    "Income_Category",
    "Card_Category",
    "Months_On_Book",
    "Total_Relationship_Count",
    "Credit_Limit",
    "Naive_Bayes_1",
    "Naive_Bayes_2",
)


def customers(count: int = CUSTOMERS, seed: int = 1) -> Iterator[tuple[object, ...]]:
    """Yield customers of a credit card, always the same ones for a seed."""
    chance = random.Random(seed)  # noqa: S311  data, no secrets
    for number in range(count):
        yield (
            700_000_000 + number,
            chance.choices(("Existing Customer", "Attrited Customer"), (84, 16))[0],
            round(chance.triangular(26, 73, 46)),
            chance.choice("FM"),
            chance.randrange(6),
            chance.choices(list(LEVELS), list(LEVELS.values()))[0],
            chance.choices(("Married", "Single", "Unknown", "Divorced"), (46, 39, 8, 7))[0],
            chance.choice(INCOMES),
            chance.choices(("Blue", "Silver", "Gold", "Platinum"), (93, 5, 1, 1))[0],
            chance.randrange(13, 57),
            chance.randrange(1, 7),
            f"{min(34516.0, chance.lognormvariate(8.6, 0.9)):.1f}",
            f"{chance.random():.6f}",
            f"{chance.random():.6f}",
        )


def as_csv(count: int = CUSTOMERS, seed: int = 1) -> str:
    """Return customers as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(customers(count, seed))
    return text.getvalue()


def put_customers(deployed: DeployedFlow, text: str) -> None:
    """Put a file of raw customers into the bucket, in place of the one before."""
    bucket = deployed.output["buckets"]["customers"]["name"]
    key = f"{deployed.output['jobs']['source']['reads']}{RAW}"
    deployed.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


def start_source(deployed: DeployedFlow) -> str:
    """Start the source job, and return the id of its run."""
    job = deployed.output["jobs"]["source"]["name"]
    run: str = deployed.client("databrew").start_job_run(Name=job)["RunId"]
    return run


def written(deployed: DeployedFlow, job: str) -> list[dict[str, str]]:
    """Return the rows that a job wrote last."""
    found = deployed.output["jobs"][job]
    body = deployed.client("s3").get_object(
        Bucket=deployed.output["buckets"]["customers"]["name"],
        Key=f"{found['writes']}{found['name']}_part00000.csv",
    )["Body"]
    return list(csv.DictReader(io.StringIO(body.read().decode())))


def demo(deployed: DeployedFlow) -> None:
    """Run the source job on 10,000 customers; show what both jobs wrote, and a failed run."""
    heading(f"{CUSTOMERS:,} customers are in the bucket, and the source job starts")
    put_customers(deployed, as_csv())
    begun = datetime.now(UTC)
    run = start_source(deployed)
    console.print(f"[green]✓[/green] Run {run} of {deployed.output['jobs']['source']['name']}")
    show_caused(deployed, begun, lambda event: event["detail"].get("jobRunId") == run)

    cleaned, selected = (written(deployed, job) for job in ("source", "target"))
    heading("Rows by level of education")
    counts = Table("level", "cleaned by the source job", "selected by the target job")
    before, after = (
        Counter(row["Education_Level"] for row in rows) for rows in (cleaned, selected)
    )
    for level in LEVELS:
        counts.add_row(level, f"{before[level]:,}", f"{after[level]:,}")
    counts.add_row("[bold]all[/bold]", f"{len(cleaned):,}", f"{len(selected):,}")
    console.print(counts)

    heading("The first customers of the campaign")
    shown = Table(*(column.replace("_", " ") for column in selected[0]))
    for row in islice(selected, SHOWN):
        shown.add_row(*map(escape, row.values()))
    console.print(shown)

    heading("A run of the source job failed")
    examples = EXAMPLES / deployed.name
    show_failure(deployed, examples / "bad_event.json", "failed-runs")
    show_next_steps(examples / "event.json", "StartTargetJob")


HOOKS = FlowHooks(demo=demo)
