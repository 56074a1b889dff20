"""`esc run` as processes see it: real children, signals, pipes and a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from esc_operator.cli.signals import NOT_PASSED_ON

if TYPE_CHECKING:
    from collections.abc import Iterator

ESC = [sys.executable, "-c", "from esc_operator.cli import main; raise SystemExit(main())"]

# A child that says it is there, then waits to be told what to do by signals.
PATIENT = """
import os, signal, sys, time
def on_signal(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    if number != signal.SIGINT or "--hard" not in sys.argv: sys.exit(7)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
    if signal.getsignal(number) != signal.SIG_IGN: signal.signal(number, on_signal)
print("ready", os.environ.get("CONF"), flush=True)
while True: time.sleep(0.05)
"""

ENVIRONMENT = """\
values:
  database: {host: db.example.com, password: {fn::secret: hunter2-hunter2}}
  key:
    fn::secret: |
      -----BEGIN KEY-----
      MIIEvQIBADANBgkq
      -----END KEY-----
  environmentVariables:
    PASSWORD: ${database.password}
    HOST: ${database.host}
  files:
    CONF: "password=${database.password}\\n"
"""


class Machine:
    """A folder of environments, a folder for temporary files, and `esc` in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._started: list[subprocess.Popen[str]] = []
        self.temporary = root / "tmp"
        self.temporary.mkdir()
        self.settings = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ESC_")},
            "ESC_BACKEND_URL": f"file://{root}/environments",
            "TMPDIR": str(self.temporary),
        }
        self.settings.pop("XDG_RUNTIME_DIR", None)
        self.write("apps/web", ENVIRONMENT)

    def write(self, name: str, text: str) -> None:
        path = self.root / "environments" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *words: str, reference: str = "apps/web") -> subprocess.CompletedProcess[str]:
        command = [*ESC, "run", reference, "--", *words]
        return subprocess.run(command, env=self.settings, capture_output=True, text=True, timeout=60, check=False)

    def start(self, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*prefix, *ESC, "run", "apps/web", "--", *words]
        process = subprocess.Popen(
            command,
            env=self.settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Nothing stops in the group of a program that no shell looks after, as tests in the background may be.
            process_group=0,
        )

        self._started.append(process)
        return process

    def stop(self) -> None:
        """Leave nothing running, whatever a test did."""
        for process in self._started:
            process.kill()
            process.communicate()

    @property
    def left_behind(self) -> list[str]:
        return [str(path) for path in self.temporary.rglob("*")]


@pytest.fixture(autouse=True)
def _signals_as_at_a_terminal() -> Iterator[None]:
    """What is started by nohup, or in the background of a script, ignores some, and so would all that it starts."""
    ignored = [
        number
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
        if signal.getsignal(number) == signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def until_taken(pid: int, number: int) -> None:
    """Wait until a signal does not wait for a process any more."""
    deadline = time.monotonic() + 60
    while waiting_signals(pid) & 1 << (number - 1):
        assert time.monotonic() < deadline, "the signal is not taken"
        time.sleep(0.01)


def waiting_signals(pid: int) -> int:
    """The set of signals that wait for a process, as bits; where the system does not tell, time is given instead."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        time.sleep(0.5)
        return 0
    waiting = [part.split()[1] for part in status.read_text().splitlines() if part.startswith(("SigPnd", "ShdPnd"))]
    return int(waiting[0], 16) | int(waiting[1], 16)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_variables_and_files_are_there_and_secrets_do_not_show(machine: Machine) -> None:
    answer = machine.run("sh", "-c", 'echo "$HOST $PASSWORD"; cat "$CONF"; echo "$PASSWORD" >&2')
    assert answer.stdout == "db.example.com [secret]\n[secret]\n"
    assert answer.stderr == "[secret]\n"
    assert answer.returncode == 0


def test_the_command_inherits_the_rest_of_the_environment(machine: Machine) -> None:
    machine.settings |= {"OWN": "own", "HOST": "overridden"}
    assert machine.run("sh", "-c", 'echo "$OWN $HOST"').stdout == "own db.example.com\n"


def test_secrets_are_hidden_in_every_form_and_not_only_where_they_are_variables(machine: Machine) -> None:
    answer = machine.run(
        "sh",
        "-c",
        "printf %s user:$PASSWORD | base64; printf %s \"$1\" | sed 's/^/  /'",
        "-",
        "${key}",
        reference="apps/web",
    )
    assert answer.stdout.splitlines()[1:] == ["  [secret]", "  [secret]", "  [secret]"]
    assert "aHVudGVy" not in answer.stdout
    assert "[secret]" in answer.stdout.splitlines()[0]


def test_arguments_are_filled_in_and_the_commands_name_is_not(machine: Machine) -> None:
    answer = machine.run("printf", "%s\\n", "${database.host}:${database.password}", "$$HOME", "$", "a${nope.x}b")
    assert answer.stdout == "db.example.com:[secret]\n$HOME\n$\nab\n"
    assert "the environment has no value at ${nope.x}" in answer.stderr
    assert "command not found: ${database.host}" in machine.run("${database.host}").stderr


def test_an_argument_that_does_not_close_is_reported_and_nothing_is_run(machine: Machine) -> None:
    answer = machine.run("touch", str(machine.root / "ran"), "${HOME")
    assert answer.returncode == 1
    assert answer.stderr == (
        "Error: argument ${HOME: missing closing brace '}' in interpolation (write $$ for a dollar sign)\n"
    )
    assert not (machine.root / "ran").exists()


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$$$", 137), ("kill -15 $$$$", 143)]
)
@pytest.mark.parametrize("reference", ["apps/web", "apps/static"])
def test_the_exit_status_is_passed_on(machine: Machine, reference: str, script: str, status: int) -> None:
    machine.write("apps/static", "values: {environmentVariables: {A: b}}")
    # A command that took our place ends as itself; a shell shows both as 128 + N.
    assert machine.run("sh", "-c", script, reference=reference).returncode in (status, 128 - status)
    assert machine.left_behind == []


def test_a_command_that_is_not_there_is_127_and_one_that_cannot_run_126(machine: Machine) -> None:
    script = machine.root / "script"
    script.write_text("#!/does/not/exist\n")
    answer = machine.run("no-such-command")
    assert (answer.returncode, answer.stderr) == (127, "Error: command not found: no-such-command\n")
    answer = machine.run(str(script))
    assert (answer.returncode, answer.stderr) == (126, f"Error: {script} cannot be run: Permission denied\n")
    script.chmod(0o755)
    answer = machine.run(str(script))
    assert answer.returncode == 126
    assert "the interpreter that its first line names is missing" in answer.stderr
    assert machine.left_behind == []


def test_a_failed_evaluation_runs_nothing_and_says_where(machine: Machine) -> None:
    machine.write("apps/broken", "values:\n  host: x\n  url: http://${hoost}/\n")
    answer = machine.run("touch", str(machine.root / "ran"), reference="apps/broken")
    assert answer.returncode == 1
    assert answer.stderr.removeprefix(f"{machine.root}/environments/") == (
        'apps/broken.yaml:3:17: error: unknown property "hoost"; did you mean "host"?\n'
        "    3 |   url: http://${hoost}/\n"
        "      |                 ^^^^^\n"
        "Error: apps/broken could not be opened\n"
    )
    assert not (machine.root / "ran").exists()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            '"A=B": x',
            (
                'apps/bad.yaml:3:12: error: "A=B" cannot be the name of a variable: it contains a "=" or a NUL; leave '
                "that out"
            ),
        ),
        ('A: "a\\0b"', 'apps/bad.yaml:3:8: error: the value of "A" contains a NUL byte, which no variable can hold'),
    ],
)
def test_a_variable_that_no_process_can_carry_runs_nothing(machine: Machine, entry: str, message: str) -> None:
    machine.write("apps/bad", f"values:\n  environmentVariables:\n    {entry}\n")
    answer = machine.run("touch", str(machine.root / "ran"), reference="apps/bad")
    assert (answer.returncode, answer.stderr.splitlines()[0]) == (1, f"{machine.root}/environments/{message}")
    assert answer.stderr.endswith("Error: no command can get the variables of apps/bad: correct them\n")
    assert not (machine.root / "ran").exists()


def test_a_prompt_shows_at_once_and_input_is_passed_on(machine: Machine) -> None:
    process = machine.start("sh", "-c", "printf 'Name: '; read name; echo hello $name")
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"Name: "
    out, _ = process.communicate("you\n", timeout=60)
    assert out == "hello you\n"


def test_a_secret_in_pieces_is_hidden(machine: Machine) -> None:
    assert machine.run("sh", "-c", "printf a-hunter2; sleep 0.1; echo -hunter2-b").stdout == "a-[secret]-b\n"


def test_files_are_for_the_user_only(machine: Machine) -> None:
    script = (
        "import os; p = os.environ['CONF']; print(oct(os.stat(p).st_mode), oct(os.stat(os.path.dirname(p)).st_mode))"
    )
    assert machine.run(sys.executable, "-c", script).stdout == "0o100600 0o40700\n"
    assert machine.left_behind == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_signals_are_the_commands_and_files_are_gone_afterwards(machine: Machine, name: str) -> None:
    process = machine.start(sys.executable, "-c", PATIENT)
    assert line(process).startswith(f"ready {machine.temporary}")
    assert machine.left_behind
    process.send_signal(signal.Signals[name])
    assert end(process) == (7, f"got {name}\n")
    assert machine.left_behind == []


def test_what_a_killed_run_left_is_removed_by_the_next_one_once_its_command_has_ended(machine: Machine) -> None:
    process = machine.start("sh", "-c", "echo $$$$; exec sleep 60")
    child = int(line(process))
    process.kill()
    process.wait(60)
    assert machine.left_behind
    # The command lives on, and needs its files.
    machine.run("true")
    assert machine.left_behind
    os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while machine.left_behind:
        assert time.monotonic() < deadline, "it is never removed"
        machine.run("true")


def test_files_of_a_run_that_goes_on_are_left_to_it(machine: Machine) -> None:
    process = machine.start(sys.executable, "-c", PATIENT)
    line(process)
    before = machine.left_behind
    assert machine.run("cat", "$CONF").returncode == 1
    assert machine.left_behind == before
    process.terminate()
    end(process)
    assert machine.left_behind == []


def test_files_are_where_a_log_out_removes_them_if_that_is_private(machine: Machine) -> None:
    runtime = machine.root / "runtime"
    runtime.mkdir(0o700)
    machine.settings["XDG_RUNTIME_DIR"] = str(runtime)
    show = (sys.executable, "-c", "import os; print(os.environ['CONF'])")
    assert machine.run(*show).stdout.startswith(f"{runtime}/esc-{os.getuid()}-")
    runtime.chmod(0o755)
    assert machine.run(*show).stdout.startswith(str(machine.temporary))
    machine.settings["XDG_RUNTIME_DIR"] = "runtime"
    assert machine.run(*show).stdout.startswith(str(machine.temporary))


def test_a_link_that_somebody_laid_is_not_followed(machine: Machine) -> None:
    kept = machine.root / "kept"
    kept.mkdir()
    (kept / "file").touch()
    link = machine.temporary / f"esc-{os.getuid()}-0123456789abcdef"
    link.symlink_to(kept)
    assert machine.run("true").returncode == 0
    assert (kept / "file").exists()
    assert link.is_symlink()


@pytest.mark.skipif(not os.access("/proc", os.W_OK), reason="only root has a folder in which rights do not stop it")
def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_run(machine: Machine) -> None:
    machine.settings["TMPDIR"] = "/proc"
    answer = machine.run("touch", str(machine.root / "ran"))
    assert answer.returncode == 1
    assert answer.stderr == (
        "Error: temporary files cannot be written in /proc: No such file or directory; make room there, or name "
        "another folder with XDG_RUNTIME_DIR or TMPDIR\n"
    )
    assert not (machine.root / "ran").exists()


WHAT_TO_DO = (
    "of the environment, and every user of this machine can read the arguments of a process (ps); pass it in a "
    "variable, in one of the environment's `files` or on standard input instead\n"
)


@pytest.mark.parametrize("options", [(), ("-i",)])
def test_a_secret_in_an_argument_is_warned_of_once_and_not_shown(machine: Machine, options: tuple[str, ...]) -> None:
    command = [
        *ESC,
        "run",
        *options,
        "apps/web",
        "--",
        "true",
        "-H",
        "token: hunter2-hunter2",
        "x",
        "${database.password}",
    ]
    answer = subprocess.run(command, env=machine.settings, capture_output=True, text=True, check=False)
    assert answer.stderr == f"Warning: arguments 2 and 4 of true hold secrets {WHAT_TO_DO}"


def test_one_secret_in_an_argument_is_reported_by_its_position(machine: Machine) -> None:
    answer = machine.run("true", "${database.host}", "--password=${database.password}")
    assert answer.stderr == f"Warning: argument 2 of true holds a secret {WHAT_TO_DO}"
    machine.write("apps/short", 'values: {pin: {fn::secret: "1234"}, port: 12345}')
    assert machine.run("true", "12345", reference="apps/short").stderr == ""
    assert "argument 1 of true" in machine.run("true", "1234", reference="apps/short").stderr
    assert "argument 1 of true" in machine.run("true", "p=${pin}", reference="apps/short").stderr


def test_arguments_without_secrets_are_not_warned_of(machine: Machine) -> None:
    assert machine.run("true", "${database.host}", "-p", "$$PASSWORD").stderr == ""


# A child that tells of every signal that it gets, but of SIGCHLD.
LISTENING = """
import signal, sys
told = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, told)
print("ready", flush=True)
while True:
    number = signal.sigwait(told)
    print(int(number), flush=True)
    if number == signal.SIGTERM: sys.exit(7)
"""


def test_every_signal_that_can_be_held_is_passed_on(machine: Machine) -> None:
    excepted = {signal.Signals[name] for name in NOT_PASSED_ON}
    process = machine.start(sys.executable, "-c", LISTENING)
    assert line(process) == "ready\n"
    numbers = sorted(
        signal.valid_signals() - excepted - {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM}
    )
    assert {signal.SIGALRM, signal.SIGXCPU, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO} <= set(numbers)
    for number in numbers:
        process.send_signal(number)
        assert line(process) == f"{int(number)}\n"
    assert machine.left_behind
    process.terminate()
    assert end(process) == (7, f"{int(signal.SIGTERM)}\n")
    assert machine.left_behind == []


@pytest.mark.parametrize(
    "number", [signal.SIGALRM, signal.SIGXCPU, signal.SIGPROF, signal.SIGABRT, signal.SIGRTMIN + 3]
)
def test_a_command_that_a_signal_ends_says_so_and_leaves_no_files(machine: Machine, number: int) -> None:
    process = machine.start("sh", "-c", "echo ready; exec sleep 60")
    line(process)
    process.send_signal(number)
    assert end(process) == (128 + number, "")
    assert machine.left_behind == []


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def until_state(pid: int, wanted: str) -> None:
    deadline = time.monotonic() + 60
    while state(pid) not in wanted:
        assert time.monotonic() < deadline, f"{pid} is {state(pid)}"
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="states of processes are read from /proc")
@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU])
def test_the_command_stops_and_goes_on_with_us(machine: Machine, number: int) -> None:
    process = machine.start("sh", "-c", "echo $$$$; exec sleep 60")
    child = int(line(process))
    process.send_signal(number)
    until_state(process.pid, "T")
    until_state(child, "T")
    process.send_signal(signal.SIGCONT)
    until_state(child, "SR")
    process.terminate()
    assert end(process)[0] == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_files_are_gone_when_a_signal_kills_the_command(machine: Machine, number: int) -> None:
    process = machine.start("sh", "-c", f"echo ready; kill -{int(number)} $$$$; sleep 60")
    assert end(process) == (128 + number, "ready\n")
    assert machine.left_behind == []


def test_what_was_ignored_stays_ignored(machine: Machine) -> None:
    process = machine.start(sys.executable, "-c", PATIENT, prefix=("nohup",))
    line(process)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert end(process) == (7, "got SIGTERM\n")


def test_the_command_learns_that_nobody_reads_its_output(machine: Machine) -> None:
    process = machine.start("yes")
    line(process)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    process.stderr.close()
    assert machine.left_behind == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (["run", "apps/web", "--", "sh", "-c", "yes 123456789 | head -n 100000"], 1_000_000),
        (["run", "apps/web", "--", "sh", "-c", "yes 123456789 | head -n 100000 >&2"], 1_000_000),
        (["open", "apps/long", "a", "-f", "string"], 1_000_001),
        (["open", "apps/long", "-f", "shell"], len("export A=''\n") + 1_000_000),
        (["open", "apps/wrong"], 1),
    ],
)
def test_no_output_is_lost_where_somebody_made_it_non_blocking(
    machine: Machine, arguments: list[str], size: int, stream: str
) -> None:
    machine.write("apps/long", f"values: {{a: {'x' * 1_000_000}, environmentVariables: {{A: '${{a}}'}}}}")
    machine.write("apps/wrong", "values:\n" + "".join(f"  a{i}: ${{nothing.of.that.name.{i}}}\n" for i in range(1000)))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    out, err = (writing, subprocess.DEVNULL) if stream == "stdout" else (subprocess.DEVNULL, writing)
    with subprocess.Popen([*ESC, *arguments], env=machine.settings, stdout=out, stderr=err) as process:
        os.close(writing)
        time.sleep(1)
        with os.fdopen(reading, "rb") as output:
            read = output.read()
    fails = arguments[1] == "apps/wrong"
    assert process.returncode == fails
    if fails:
        assert read.endswith(b"Error: apps/wrong could not be opened\n" if stream == "stderr" else b"")
        assert read.count(b"unknown property") == (1000 if stream == "stderr" else 0)
    else:
        assert len(read) == (size if (stream == "stderr") == (">&2" in arguments[-1]) else 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["open", "apps/web"], "Error: the output cannot be written: No space left on device\n"),
        (["env", "ls"], "Error: the output cannot be written: No space left on device\n"),
        (["run", "apps/web", "--", "echo", "a"], "Warning: the command's output cannot be written: No space left on"),
    ],
)
def test_output_that_cannot_be_written_is_reported(machine: Machine, arguments: list[str], why: str) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        answer = subprocess.run(
            [*ESC, *arguments], env=machine.settings, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert answer.stderr.startswith(why)
    assert answer.returncode == 1 or arguments[0] == "run"


def test_a_closed_output_is_reported(machine: Machine) -> None:
    command = ["sh", "-c", '"$@" >&-', "sh", *ESC, "open", "apps/web"]
    answer = subprocess.run(command, env=machine.settings, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (1, "Error: standard output is closed, so nothing can be shown\n")


def test_an_interactive_command_has_its_streams_for_itself(machine: Machine) -> None:
    command = [*ESC, "run", "-i", "apps/web", "--", "sh", "-c", 'echo $PASSWORD; test -f "$CONF"; exit 3']
    answer = subprocess.run(command, env=machine.settings, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (3, "hunter2-hunter2\n")
    assert machine.left_behind == []


ON_TERMINAL = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execvp(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """Our end of a terminal, and the name of the other."""
    ours, theirs = pty.openpty()
    yield ours, os.ttyname(theirs)
    os.close(theirs)
    os.close(ours)


def test_ctrl_c_reaches_the_command_once(machine: Machine, terminal: tuple[int, str]) -> None:
    ours, name = terminal
    command = [
        sys.executable,
        "-c",
        ON_TERMINAL,
        name,
        *ESC,
        "run",
        "apps/web",
        "--",
        sys.executable,
        "-c",
        PATIENT,
        "--hard",
    ]
    with subprocess.Popen(
        command, env=machine.settings, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        line(process)
        os.write(ours, b"\x03")
        assert line(process) == "got SIGINT\n"
        # A signal of which only we know is still passed on, terminal or not. While the terminal's own still waits to be
        # taken, the kernel would make one of both.
        until_taken(process.pid, signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert line(process) == "got SIGINT\n"
        process.send_signal(signal.SIGTERM)
        assert end(process) == (7, "got SIGTERM\n")
    assert machine.left_behind == []


def test_open_writes_bytes_that_are_no_text_as_they_are(machine: Machine) -> None:
    machine.write("apps/bytes", "values: {a: {fn::fromBase64: /w==}}")
    command = [*ESC, "open", "apps/bytes", "a", "-f", "string"]
    assert subprocess.run(command, env=machine.settings, capture_output=True, check=True).stdout == b"\xff\n"


def test_a_thread_that_takes_the_signal_of_the_commands_end_does_not_hold_up_the_run(tmp_path: Path) -> None:
    """A thread of the opening may still be ending, under load: it does not block signals as the main thread does."""
    program = tmp_path / "run.py"
    program.write_text(
        "import sys, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "from esc_operator.cli.process import run_command\n"
        "from esc_operator.cli.signals import held_signals\n"
        "class Slow:\n"
        "    def __init__(self, held):\n"
        "        self.held, self.mask = held, held.mask\n"
        "    def wait(self):\n"
        "        time.sleep(0.5)  # the command ends before we wait for its signal\n"
        "        return self.held.wait()\n"
        "with held_signals() as held:\n"
        "    status = run_command(['sh', '-c', 'exit 7'], {'PATH': '/usr/bin:/bin'}, Slow(held))\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-P", str(program)], timeout=20, check=False)
    assert done.returncode == 7
