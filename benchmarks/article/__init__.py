"""The functions of the article, to compare with."""
