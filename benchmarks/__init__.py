"""Measures the time, bytes and money that Flowbridge costs, in comparison with alternatives."""

import sys
from pathlib import Path

# The tests' support, which they share, imports the functions' packages.
sys.path.append(str(Path(__file__).resolve().parent.parent / "lambda_src"))
