"""What the whole library stands on and that knows nothing of it: errors, files, tensor files, devices, pictures."""
