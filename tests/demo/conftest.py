"""The replay is watched in a real Chromium."""

from tests.browser.conftest import browser, sign_in

__all__ = ["browser", "sign_in"]
