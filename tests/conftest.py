"""All tests compute on the CPU, even if there is a GPU, because a run on the CPU can be repeated bit for bit.

They use one thread. Their tensors are small, and on a busy machine two threads that wait for each other take ten times
as long as one.
"""

import os

os.environ["ACCELERATE_USE_CPU"] = "true"  # before Accelerate looks for devices
os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads
