"""One browser and one page for all tests of the page: both take seconds to make."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.reports.browser import chromium, show
from tests.reports.pages import build_site


@pytest.fixture(scope="session")
def browser() -> Iterator[Chrome]:
    """A Chromium without a window; a test opens what it looks at."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study with hostile names and texts."""
    folder = tmp_path_factory.mktemp("page")
    return build_site(folder).write(folder)


@pytest.fixture
def opened(browser: Chrome, hostile_page: Path) -> Chrome:
    """The browser, with that page just opened."""
    show(browser, hostile_page)
    return browser
