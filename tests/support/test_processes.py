"""Programs that are not trusted: their time, their environment, and what they leave behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from vaelib.support.processes import run_untrusted

GO_ON = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}], start_new_session={session}, env={{}})"
)
WRITE_ON = "import time\nwhile True: open('still-here', 'w').close(); time.sleep(0.05)"


def run(folder: Path, code: str, seconds: float = 60, **environment: str) -> int | None:
    return run_untrusted([sys.executable, "-c", code], folder, environment, seconds)


def test_the_exit_status_is_returned(tmp_path: Path) -> None:
    assert run(tmp_path, "import sys; sys.exit(3)") == 3
    assert run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == -9


def test_it_is_stopped_after_its_time(tmp_path: Path) -> None:
    start = time.monotonic()
    assert run(tmp_path, "while True: pass", seconds=0.5) is None
    assert time.monotonic() - start < 10


def test_it_gets_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    run(tmp_path, "import os; open('seen', 'w').write(str(sorted(os.environ)))", GIVEN="1")
    seen = (tmp_path / "seen").read_text()
    assert "GIVEN" in seen and "PATH" in seen and "SOME_TOKEN" not in seen


def test_it_waits_for_no_input_and_its_output_goes_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    assert run(tmp_path, "print('x' * 10**7)\ninput()") == 1  # the end of the input is an error
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "session",
    [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux lists orphans"))],
)
def test_nothing_that_it_started_goes_on(tmp_path: Path, session: bool) -> None:
    assert run(tmp_path, GO_ON.format(code=WRITE_ON, session=session) + "\nimport time; time.sleep(1)") == 0
    (tmp_path / "still-here").unlink(missing_ok=True)
    time.sleep(0.3)
    assert not (tmp_path / "still-here").exists()
