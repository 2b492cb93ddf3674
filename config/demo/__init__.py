"""An invented year of a real county: real townships and villages, everything and everybody else made up.

`load_demo` fills an empty database with it; `is_demo()` tells the shell to say 演示数据 on every page.
"""

from __future__ import annotations

#: The marker lives among the county's numbers: it travels with the database and is no row of its own kind.
MARKER = "demo_data"
_known: bool | None = None


def is_demo() -> bool:
    """Whether this database holds demo data; asked once per process."""
    from villages.models import Policy  # read on first use: this package is imported before the apps are ready

    global _known
    if _known is None:
        _known = Policy.objects.filter(key=MARKER, value=1).exists()
    return _known


def forget() -> None:
    """Ask the database again: after loading, and between tests."""
    global _known
    _known = None
