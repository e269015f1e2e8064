"""Prints the table of docs/backends.md: ``python -m sk_pydelt.backends``."""

from .registry import feature_table

if __name__ == "__main__":
    print(feature_table())
