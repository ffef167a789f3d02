"""Run the test suite, all of it but the whole proofs, and say the sum.

Extra arguments go to pytest, as in `python deploy/run_tests.py -k ledger`.
"""

import os
import subprocess
import sys
import time
from typing import Final

# Files stay whole, for what their tests share, and keep their order (tests/conftest.py): the daemon's days come early
# and last long. A day waits for sensors and starting processes half of its time, so that four workers fill two cores.
_ALL: Final = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not campaign", "--durations=10")


def main() -> int:
    """Run the tests and return pytest's exit code."""
    started = time.monotonic()
    # One thread per worker: the workers already fill the cores.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # Some hundred processes import our code, and where none of them keeps what it compiled each spends a second on it.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "pytest", "-q", *_ALL, *sys.argv[1:]]
    code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own command
    minutes = (time.monotonic() - started) / 60
    sys.stdout.write(f"{'passed' if code == 0 else 'FAILED'} in {minutes:.1f} minutes; skips are listed above\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
