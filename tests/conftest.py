"""Fixtures every test may use; each group lives in the module that is named after it."""

pytest_plugins = ["tests.fixtures.network", "tests.fixtures.tools", "tests.fixtures.browser", "tests.fixtures.postgres"]
