"""What are the columns called when the header takes two lines? Groups above, names below, become one line."""

import re

GENERIC = 2  # a name of at most this many characters (时间, 单位, 区) says little without its group
HEADER_ROWS = 20  # a header is looked for among the first rows only
LONGEST_NAME = 20


def combined(rows: list[list[str]]) -> list[list[str]]:
    """The same rows; a second header line carries the whole names, so that it alone is the header.

    Merged cells show as text in their first cell and blanks (workbooks, CSV made of them) or as the same text in all
    (web tables, where spans are expanded).

    >>> combined([["编号", "登记", "", "承办单位"], ["", "登记部门", "时间", ""], ["A1", "某局", "2024-01-05", "某局"]])[1]
    ['编号', '登记部门', '登记时间', '承办单位']
    """
    result = [list(row) for row in rows]
    for at in range(1, min(len(result), HEADER_ROWS)):
        joined = _joined(result[at - 1], result[at])
        if joined is not None:
            result[at] = joined
    return result


def _joined(above: list[str], below: list[str]) -> list[str] | None:
    """The names of two header lines as one; None where the two are anything else, as a header and its first row."""
    width = max(len(above), len(below))
    upper, lower = ([cell.strip() for cell in row] + [""] * (width - len(row)) for row in (above, below))
    if not all(_is_name(cell) for cell in (*upper, *lower) if cell):
        return None
    groups, group = [], ""
    for top, name in zip(upper, lower, strict=True):
        group = top or (group if name else "")
        groups.append(group)
    is_alone = [not name or name == group for group, name in zip(groups, lower, strict=True)]  # merged downwards
    is_grouped = [not alone and bool(group) for alone, group in zip(is_alone, groups, strict=True)]
    spans = [
        at
        for at in range(1, width)
        if is_grouped[at] and is_grouped[at - 1] and groups[at] == groups[at - 1] and lower[at] != lower[at - 1]
    ]
    n_named = sum(1 for group, name in zip(groups, lower, strict=True) if group or name)
    if not spans or n_named < 3 or not any(alone and group for alone, group in zip(is_alone, groups, strict=True)):
        return None
    names = []
    for group, name, alone in zip(groups, lower, is_alone, strict=True):
        if alone:
            names.append(group or name)
        elif len(name) <= GENERIC or lower.count(name) > 1:
            names.append(group + name)
        else:
            names.append(name)
    return names


def _is_name(cell: str) -> bool:
    return len(cell) <= LONGEST_NAME and not re.search(r"\d{4}|\d[-/:.]\d", cell)
