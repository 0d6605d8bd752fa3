"""All tests compute on the CPU, also beside a GPU: there a run can be repeated bit for bit.

And on one thread: their tensors are small, and on a busy machine two threads that wait for each other take ten times as
long as one.
"""

import os

os.environ["ACCELERATE_USE_CPU"] = "true"  # before Accelerate looks for devices
os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads
