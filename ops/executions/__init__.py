"""Events on their way in, and the executions that they start."""
