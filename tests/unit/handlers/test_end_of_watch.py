"""kopf that ends by itself ends the process: nothing that looks alive is left of it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, kopf
from aiohttp import web
from esc_operator.handlers import logs
from esc_operator.handlers.options import Options
from esc_operator.handlers.process import watch_environments
from esc_operator.handlers.watching import make_settings

registry = kopf.OperatorRegistry()
url = []

@kopf.on.login(registry=registry)
async def log_in(**_):
    return kopf.ConnectionInfo(server=url[0])

async def refuse(_):
    return web.json_response({"kind": "Status", "message": "hunter2"}, status=404)

async def work():
    try:
        await asyncio.sleep(600)
    finally:
        print("the work beside it has ended")

async def main():
    runner = web.ServerRunner(web.Server(refuse), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url.append("http://{}:{}".format(*runner.addresses[0][:2]))
    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        await watch_environments(Options(), make_settings(), registry, asyncio.Event())

logs.configure("info", "text")
asyncio.run(main())
"""


def test_a_watch_that_fails_ends_the_process_and_all_that_ran_beside_it() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert ended.stdout == "the work beside it has ended\n"
    assert "CRITICAL The watch of environments has failed (APINotFoundError). Exiting." in ended.stderr
