"""What the operator logs, and what the libraries below it do not."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import esc_operator
from esc_operator.handlers import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = ("botocore", "botocore.auth", "urllib3.connectionpool", "kubernetes.client.rest", "aiohttp.access", "kopf")


@pytest.fixture(autouse=True)
def logging_is_put_back() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger(logs.OWN)
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def test_attempts_of_kopf_are_left_to_its_session_and_other_errors_of_kopf_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info", "text")
    logging.getLogger("kopf._cogs.clients.watching").error("Request attempt #1/9 failed; will retry: GET x -> Y()")
    assert capsys.readouterr().err == ""
    logging.getLogger("kopf._cogs.clients.watching").error("Something else failed")
    assert "Something else failed" in capsys.readouterr().err


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_stay_at_warning_at_debug_level(capsys: pytest.CaptureFixture[str], form: str, library: str) -> None:
    logs.configure("debug", form)
    for level in (logging.DEBUG, logging.INFO):
        logging.getLogger(library).log(level, "Authorization: hunter2")
    assert capsys.readouterr().err == ""
    logging.getLogger(library).warning("slow")
    assert "slow" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_our_own_loggers_follow_the_level_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], level: str, shown: list[str]
) -> None:
    logs.configure(level, "json")
    for name in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("esc_operator.reconciliation"), name)(name)
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == shown


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85", "\x0b", "\x1b[1A"])
def test_nobody_who_is_quoted_writes_a_line_of_the_log(capsys: pytest.CaptureFixture[str], form: str, end: str) -> None:
    logs.configure("info", form)
    logging.getLogger("esc_operator.reconciliation").warning("red/app: %s", f"x{end}FORGED: é")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert "FORGED" in line


def test_a_line_of_json_holds_time_level_logger_message_and_what_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info", "json")
    extra = {"environment": "apps/aws", "reason": "ExpiryAhead"}
    logging.getLogger("esc_operator.x").info("%s: syncing\nnow", "apps/aws", extra=extra)
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "info",
        "logger": "esc_operator.x",
        "message": "apps/aws: syncing\nnow",
        "environment": "apps/aws",
        "reason": "ExpiryAhead",
    }


def lines_about_an_environment() -> list[ast.Call]:
    """Every call of a logger whose message begins with the key of an environment."""
    calls = [
        node
        for file in Path(esc_operator.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
    ]
    return [
        call
        for call in calls
        if call.func.attr in {"debug", "info", "warning", "error", "critical"}  # type: ignore[attr-defined]
        and isinstance(call.args[0], ast.Constant)
        and str(call.args[0].value).startswith("%s:")
    ]


def test_every_line_about_an_environment_names_it_and_a_reason() -> None:
    lines = lines_about_an_environment()
    assert len(lines) > 6
    bare = [ast.unparse(line) for line in lines if "extra" not in {keyword.arg for keyword in line.keywords}]
    assert bare == []


def test_a_line_for_people_starts_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    logging.getLogger("esc_operator.x").warning("apps/aws: %s", "Expired")
    assert capsys.readouterr().err.endswith("WARNING apps/aws: Expired\n")


def test_configuring_twice_logs_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    logs.configure("info", "text")
    logging.getLogger("esc_operator").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_line_of_json_holds_no_traceback_which_would_show_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logging.getLogger("kopf").error("A handler failed", exc_info=KeyError("hunter2"))
    told = capsys.readouterr().err
    assert "A handler failed" in told
    assert "hunter2" not in told
