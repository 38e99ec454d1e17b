"""Start Chromium without a window, to check a page."""

import contextlib
import os
import shutil
import sys

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync")


def find():
    """Return the path of the installed browser, or None if there is none.

    CHROMIUM names a browser that is not among the usual ones.
    """
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, BROWSERS)]
    return next(filter(None, found), None)


@contextlib.contextmanager
def start():
    """Yield Playwright's browser; exit with advice if there is none."""
    if not find():
        sys.exit(
            "Install Chromium (sudo apt install chromium), or set CHROMIUM "
            "to the path of a browser that is built on it."
        )
    with sync_playwright() as playwright:
        # Playwright itself turns off updates, news and first-run pages.
        yield playwright.chromium.launch(executable_path=find(), args=FLAGS)
