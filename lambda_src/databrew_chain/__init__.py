"""The functions of the flow databrew_chain."""
