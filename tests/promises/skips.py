"""The promise tests that are left out when root runs them: at most three, each with its reason.  `.ci/run` prints this list."""

from __future__ import annotations

ALLOWED: dict[str, str] = {}  # "file.py::test": why it cannot be run here
MOST = 3


def main() -> None:
    print("\n".join(f"left out: {test}: {why}" for test, why in ALLOWED.items()) or "No promise test is left out.")


if __name__ == "__main__":
    main()
