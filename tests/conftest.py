"""All tests compute on the CPU, even if there is a GPU, because a run on the CPU can be repeated bit for bit.

They use one thread. Their tensors are small, and on a busy machine two threads that wait for each other take ten times
as long as one.
"""

import os

import pytest

os.environ["ACCELERATE_USE_CPU"] = "true"  # before Accelerate looks for devices
os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads


@pytest.fixture(autouse=True)
def without_the_optional_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do without EfficientNet-Lite0, installed or not: on a CPU it takes minutes."""
    if request.node.path.name != "test_imagenet.py":
        monkeypatch.setattr("vaelib.runs.imagenet.installed", lambda: False)
