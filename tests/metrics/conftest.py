"""MNIST, or a skip that says where it was looked for."""

from __future__ import annotations

import pytest

from genmodels.data import DataNotFound, Labelled, mnist


@pytest.fixture(scope="session")
def train_digits() -> Labelled:
    try:
        return mnist("train")
    except DataNotFound as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def test_digits() -> Labelled:
    try:
        return mnist("test")
    except DataNotFound as missing:
        pytest.skip(str(missing))
