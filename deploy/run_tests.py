"""Run the test suite: what is independent in parallel, what drives daemons and browsers one by one, then say the sum.

Extra arguments go to pytest, as in `python deploy/run_tests.py -k ledger`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

_PARALLEL: Final = ("-n", "2", "--dist", "worksteal", "-m", "not daemon and not browser and not campaign")
# A daemon starts several processes of its own: two at once on two cores would time each other out.
_SERIAL: Final = ("-m", "(daemon or browser) and not campaign", "--durations=5")
_NOTHING_COLLECTED: Final = 5


def _run(arguments: Sequence[str]) -> int:
    # One thread per worker: the workers already fill the cores.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own command
    return 0 if code == _NOTHING_COLLECTED else code


def main() -> int:
    """Run both groups and return the first failing exit code, 0 when all passed."""
    started = time.monotonic()
    codes = [_run([*group, *sys.argv[1:]]) for group in (_PARALLEL, _SERIAL)]
    code = next((code for code in codes if code), 0)
    minutes = (time.monotonic() - started) / 60
    sys.stdout.write(f"{'passed' if code == 0 else 'FAILED'} in {minutes:.1f} minutes; skips are listed above\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
