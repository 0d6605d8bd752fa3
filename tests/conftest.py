"""All tests compute on the CPU, also beside a GPU: there a run can be repeated bit for bit."""

import os

os.environ["ACCELERATE_USE_CPU"] = "true"  # before Accelerate looks for devices
