"""The one exception that the command line shows to its user."""

from __future__ import annotations


class OperationError(Exception):
    """A problem that an operator can solve.

    Parameters
    ----------
    problem
        One sentence: what is wrong, and where.
    action
        One sentence: what to do next.
    """

    def __init__(self, problem: str, action: str) -> None:
        super().__init__(f"{problem} {action}")
        self.problem = problem
        self.action = action
