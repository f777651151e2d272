"""Packages that only some environments need: imported when one is made, and named with the line that installs them."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, extra: str, what: str) -> ModuleType:
    """The module, or an ImportError that says what needs it and how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise ImportError(f'{what} needs {missing}, which is not installed: pip install "worldmodels[{extra}]"') from error
