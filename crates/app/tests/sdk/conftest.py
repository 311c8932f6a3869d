"""Where the server is, and clients for it. See test_sdk.py for how to run."""

import os

import pytest

pytest.register_assert_rewrite("checks", "palisade")

from palisade import Palisade  # noqa: E402

URL = os.environ.get("PALISADE_URL", "http://127.0.0.1:8008").rstrip("/").removesuffix("/v4")
KEY = os.environ.get("PALISADE_KEY", "")


def pytest_configure(config):
    if not KEY:
        raise pytest.UsageError("set PALISADE_KEY to a key of the server at PALISADE_URL")


@pytest.fixture(scope="session", params=["", "/v4"], ids=["core-prefix", "cloud-prefix"])
def host(request):
    """The SDK's base address: Cloud's ends in /v4, Core's does not. Palisade serves both."""
    return URL + request.param


@pytest.fixture(scope="session")
def palisade(host):
    return Palisade(host, KEY)


@pytest.fixture
def stranger(host):
    """Somebody with a key that was never given out."""
    return Palisade(host, "0" * 32)


@pytest.fixture
def anonymous(host, monkeypatch):
    """Somebody with no key at all. The SDK would take one from the environment."""
    monkeypatch.delenv("METADEFENDER_APIKEY", raising=False)
    return Palisade(host, None)
