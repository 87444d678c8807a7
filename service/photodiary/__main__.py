"""`python -m photodiary`."""

from photodiary.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
