"""The replay is watched in a real Chromium."""

from tests.browser.conftest import browser, running_browser, sign_in

__all__ = ["browser", "running_browser", "sign_in"]
