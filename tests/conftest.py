import pytest


@pytest.fixture(autouse=True)
def _no_proxy_for_loopback(monkeypatch):
    """Servers of tests listen on loopback, and no proxy knows them."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
