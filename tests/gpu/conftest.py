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
