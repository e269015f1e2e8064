"""Tables that are printed row by row, as the rows come."""

__all__ = ["write_table"]


def write_table(head, rows, path=None):
    """Print a head and rows of Markdown, and write them to a path where one is given."""
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    print(*lines, sep="\n", flush=True)
    for row in rows:
        lines.append(row)
        print(row, flush=True)
    if path:
        path.write_text("\n".join(lines) + "\n")
