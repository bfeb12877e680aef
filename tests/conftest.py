"""Settings that all tests share."""

import pytest
from hypothesis import settings
from promises import Tally

# The same examples on every machine, however slow it is.
settings.register_profile("everywhere", deadline=None, derandomize=True)
settings.load_profile("everywhere")


@pytest.fixture
def cases(request):
    """Call it with how many cases a test tried and how many held, where that is not one."""

    def record(tried, held):
        request.node.user_properties.append(("cases", [tried, held]))

    return record


def pytest_addoption(parser):
    parser.addoption(
        "--promises",
        action="store_true",
        help="write into docs/guarantees.md how many cases of each promise were tried and held",
    )


def pytest_configure(config):
    if config.getoption("promises"):
        config.pluginmanager.register(Tally())
