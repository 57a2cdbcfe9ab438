"""The command in processes that have already imported it: where a test starts it many times over, to see it refuse.

Starting Python and importing the detector costs two seconds of processor time; a copy of a process that has done so costs
nothing. What runs is the same main program, with an environment, files and an exit code of its own. It is meant for commands
that say no: what starts processes of its own is not tidied up after.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

RunWarm = Callable[..., subprocess.CompletedProcess[str]]
SERVE = "from tests.whole.warm import serve; serve()"
LIMIT_S = 60


class Warm:
    """A process that waits with everything imported, and is copied for each run; a context manager."""

    def __enter__(self) -> "Warm":
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # its input ends, and so does it

    def run(self, *arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, as `tests.whole.house.run` does; SIGALRM ends it after `LIMIT_S`."""
        assert self._process.stdin
        assert self._process.stdout
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            asked = {
                "arguments": [str(argument) for argument in arguments],
                "env": dict(os.environ) | (env or {}),
                "files": [str(out), str(err)],
            }
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(asked["arguments"], code, out.read_text(), err.read_text())


def serve() -> None:
    """Copies itself for each line of standard input; answers with the copy's exit code."""
    import api.commands  # noqa: F401, PLC0415 - what the commands import, before the first copy is made
    import detector.analyze  # noqa: PLC0415
    import detector.commands  # noqa: F401, PLC0415

    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer


def _become(asked: dict[str, object]) -> None:
    """Runs the command as `python -m streetwarden` would, in this process, and ends it."""
    code = 1  # of a traceback
    try:
        for number, name in enumerate(asked["files"], start=1):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(asked["env"])
        signal.alarm(LIMIT_S)
        sys.argv = ["streetwarden", *asked["arguments"]]
        runpy.run_module("streetwarden", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
