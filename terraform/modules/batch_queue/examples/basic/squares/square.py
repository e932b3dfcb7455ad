"""Print the square of the job's argument, or that of the child's index."""

import os
import sys

number = int(os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX") or sys.argv[1])
sys.stdout.write(f"{number} * {number} = {number * number}\n")
