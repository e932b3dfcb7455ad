"""Measures the time, bytes and money that Flowbridge costs, in comparison with alternatives."""
