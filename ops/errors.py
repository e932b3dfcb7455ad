"""The one exception that the command line shows to its user."""

from __future__ import annotations


class OperationError(Exception):
    """Something an operator can mend.

    Parameters
    ----------
    problem
        One sentence: what is wrong, and where.
    mend
        One sentence: what to do next.
    """

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem} {mend}")
        self.problem = problem
        self.mend = mend
