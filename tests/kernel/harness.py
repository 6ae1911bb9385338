"""A notebook over a real kernel, for tests: cells in, replies out, and a kernel that can be killed."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

TIMEOUT = 60.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STOCK = ["-m", "ipykernel_launcher"]
_OURS = ["-m", "perdure.notebook"]


@dataclass(slots=True)
class Reply:
    """What one cell gave."""

    status: str = "ok"
    """`ok`, `error`, or `dead` when the kernel died under the cell."""
    ename: str = ""
    evalue: str = ""
    traceback: str = ""
    """Without colours."""
    stdout: str = ""
    stderr: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)
    """Mime bundles in order, each in its last state; the value of the cell is not among them."""
    result: dict[str, Any] | None = None
    """Mime bundle of the cell's value."""
    errors: list[str] = field(default_factory=list)
    """`Name: message` of each error message on the wire."""
    text: str = ""
    """All that was shown as plain text, in order: streams, displays, value."""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """The raw messages."""

    def html(self) -> str:
        """The HTML of all displays and of the value."""
        return "\n".join(data.get("text/html", "") for data in [*self.displays, self.result or {}])


class Notebook:
    """A kernel with folders of its own: nothing of the machine's Jupyter is read or changed."""

    def __init__(self, cwd: Path, kernel: str = "perdure", env: dict[str, str] | None = None) -> None:
        self.cwd = Path(cwd)
        self.cwd.mkdir(parents=True, exist_ok=True)
        home = self.cwd / ".jupyter-test"
        self.env = environment(home) | {"JUPYTER_PATH": str(home / "share")} | (env or {})
        self.km = KernelManager(kernel_name=kernel, connection_file=str(home / "runtime" / "kernel.json"))
        self.km.kernel_spec_manager.kernel_dirs = [str(write_specs(home / "share"))]
        self.km.kernel_spec_manager.ensure_native_kernel = False
        self.km.start_kernel(cwd=str(self.cwd), env=self.env)
        self._connect()

    def _connect(self) -> None:
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.wait_for_ready(timeout=TIMEOUT)

    @property
    def pid(self) -> int:
        return int(self.km.provisioner.pid)

    def submit(self, code: str, cell_id: str | None = None) -> str:
        """Send a cell without waiting for it; return the id of the message."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        # `kc.execute` cannot send metadata.
        message = self.kc.session.msg(
            "execute_request", content, metadata={"cellId": cell_id} if cell_id else {}
        )
        self.kc.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def wait(self, sent: str, timeout: float = TIMEOUT) -> Reply:
        """The reply to a cell that was sent."""
        reply = Reply()
        ids: dict[str, int] = {}
        clear = False
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline)
            if message is None:
                reply.status = "dead"
                return reply
            if message["parent_header"].get("msg_id") != sent:
                continue  # left over from an earlier cell, or from a killed process
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return reply
            reply.messages.append(message)
            if kind == "clear_output":
                clear = True
            elif kind in ("stream", "display_data", "execute_result", "error") and clear:
                reply.displays, reply.stdout, reply.stderr, reply.text, ids, clear = [], "", "", "", {}, False
            _take(reply, kind, content, ids)

    def _next(self, deadline: float) -> dict[str, Any] | None:
        """The next message, or None when the kernel is dead."""
        import queue

        while True:
            try:
                return dict(self.kc.get_iopub_msg(timeout=0.5))
            except queue.Empty:
                if not self.km.is_alive():
                    return None
                if time.monotonic() > deadline:
                    raise TimeoutError("the cell did not finish in time") from None

    def run(self, code: str, cell_id: str | None = None, timeout: float = TIMEOUT) -> Reply:
        """Run a cell and wait for it."""
        return self.wait(self.submit(code, cell_id), timeout)

    def run_all(self, cells: list[str], *, ids: bool = True) -> list[Reply]:
        """Run cells in order, as "Run All" does; stop after the first that fails."""
        replies: list[Reply] = []
        for index, code in enumerate(cells):
            replies.append(self.run(code, f"cell-{index}" if ids else None))
            if replies[-1].status != "ok":
                break
        return replies

    def interrupt(self) -> None:
        """What the stop button does."""
        self.km.interrupt_kernel()

    def kill(self) -> None:
        """SIGKILL the process, and start another one behind the same connection."""
        self.kill_only()
        self.km.restart_kernel(now=True)
        self.kc.stop_channels()
        self._connect()

    def kill_only(self) -> None:
        """SIGKILL the process and wait until it is dead."""
        if self.km.is_alive():
            os.kill(self.pid, signal.SIGKILL)
        _until(lambda: not self.km.is_alive(), TIMEOUT, "the kernel did not die")

    def restart(self) -> None:
        """What the restart button does."""
        self.km.restart_kernel(now=False)
        self.kc.stop_channels()
        self._connect()

    def wait_for_file(self, path: Path | str, timeout: float = TIMEOUT) -> Path:
        """Wait until a cell made this file: the way to meet a certain point of its code."""
        found = self.cwd / path
        _until(found.exists, timeout, f"{found} was not made")
        return found

    def shutdown(self) -> None:
        """Stop the kernel at once."""
        self.kc.stop_channels()
        self.km.shutdown_kernel(now=True)


def environment(home: Path) -> dict[str, str]:
    """An environment in which Jupyter, IPython and Perdure keep everything below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PERDURE_", "JUPYTER"))}
    folders = {
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "MPLCONFIGDIR": "mpl",
    }
    for folder in folders.values():
        (home / folder).mkdir(parents=True, exist_ok=True)
    return kept | {name: str(home / folder) for name, folder in folders.items()}


def write_specs(share: Path) -> Path:
    """Write kernelspecs `perdure` and `python3` for this very interpreter; return their folder."""
    for name, module in (("perdure", _OURS), ("python3", _STOCK)):
        folder = share / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, *module, "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": name, "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return share / "kernels"


def _take(reply: Reply, kind: str, content: dict[str, Any], ids: dict[str, int]) -> None:
    """Put one message into the reply."""
    if kind == "stream":
        setattr(reply, content["name"], getattr(reply, content["name"]) + content["text"])
        reply.text += content["text"]
    elif kind == "execute_result":
        reply.result = content["data"]
        reply.text += content["data"].get("text/plain", "")
    elif kind == "display_data":
        display_id = content.get("transient", {}).get("display_id")
        if display_id:
            ids[display_id] = len(reply.displays)
        reply.displays.append(content["data"])
        reply.text += content["data"].get("text/plain", "") + "\n"
    elif kind == "update_display_data":
        index = ids.get(content.get("transient", {}).get("display_id"))
        if index is not None:
            reply.displays[index] = content["data"]
    elif kind == "error":
        reply.status, reply.ename, reply.evalue = "error", content["ename"], content["evalue"]
        reply.traceback = _COLOUR.sub("", "\n".join(content["traceback"]))
        reply.errors.append(f"{content['ename']}: {content['evalue']}")


def _until(condition: Any, timeout: float, message: str) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(message)
        time.sleep(0.02)
