"""Makes what a training says fit for a report, whatever it is. Nothing here raises."""

from __future__ import annotations

import operator
from typing import Any, Dict, Optional, Union

from statusd._settings import MOST

Number = Union[int, float]

_MOST_KEYS = 32
_LEAST = 1e-130  # what is smaller the service can't hold


def number(value: Any) -> Optional[Number]:
    """The number that it is, also of NumPy or a tensor; None if it is none that a report may hold."""
    try:
        found: Number = int(operator.index(value))
    except Exception:
        try:
            found = float(value)
        except Exception:
            return None
    if not 0 <= found <= MOST:  # false of NaN as well
        return None
    return found if found >= _LEAST else 0


def text(value: Any, most: int = 5000) -> str:
    """Of so many characters: what is too long the service cuts, and marks the cut, but a report has its limits too."""
    try:
        return str(value)[:most].encode("utf-8", "replace").decode()  # a lone surrogate is a question mark
    except Exception:
        return f"({type(value).__name__} that can't be shown)"


def metadata(values: Any) -> Dict[str, str]:
    try:
        pairs = dict(values or {})
    except Exception:
        return {}
    found = {text(key, 64): "" if value is None else text(value, 600) for key, value in pairs.items()}
    found.pop("", None)
    return dict(list(found.items())[:_MOST_KEYS])


def seconds(value: Any, default: float, least: float, most: float) -> float:
    try:
        found = float(value)
    except Exception:
        return default
    return min(max(found, least), most) if found == found else default


def exception_line(error: BaseException) -> str:
    """The last line of the traceback, which has more lines if the exception's message has."""
    kind = type(error)
    module = "" if kind.__module__ in ("builtins", "__main__") else kind.__module__ + "."
    name = module + kind.__qualname__
    said = text(error)
    return f"{name}: {said}" if said else name
