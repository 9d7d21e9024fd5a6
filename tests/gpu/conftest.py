"""What tests on the simulated devices share."""

import pytest
import simulated_cuda


def pytest_collection_modifyitems(items):
    """Skip tests on the simulated devices where there are none."""
    if simulated_cuda.why_not is None:
        return
    for item in items:
        if item.get_closest_marker("simulated_gpu") is not None:
            item.add_marker(pytest.mark.skip(reason=simulated_cuda.why_not))


@pytest.fixture
def limit_memory():
    """Return a function after which so many bytes more fit the first device."""

    def limit(n_bytes):
        simulated_cuda.set_memory_limit(simulated_cuda.extension.in_use(0) + n_bytes, 0)

    yield limit
    simulated_cuda.set_memory_limit(None, 0)
