"""`python -m vaelib` is the same program as `vaelib`."""

from .cli import main

if __name__ == "__main__":
    main()
