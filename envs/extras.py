"""Packages that only some environments need: imported when one is made, and named with the line that installs them."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType


def require(module: str, extra: str, what: str) -> ModuleType:
    """The module, or an ImportError that says what needs it and how to get it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # SWIG's own; made an error, it crashes the import of Box2D
            return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise ImportError(f'{what} needs {missing}, which is not installed: pip install "worldmodels[{extra}]"') from error
