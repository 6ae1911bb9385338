"""One pass over a notebook in a real kernel, cell after cell, from the outside."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import uuid
from pathlib import Path
from typing import Any

from perdure.errors import DemoFailed

from ._progress import Progress

_STEP = re.compile(r"%%step\s+([^\s-]\S*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def step_name(source: str) -> str | None:
    """The name of the step that a cell is, or None."""
    found = _STEP.match(source)
    return found.group(1) if found else None


def run_pass(
    notebook: Any, folder: Path, progress: Progress, *, kill: str | None = None, after_lines: int = 3
) -> bool:
    """Run all cells in a fresh kernel whose work folder and store lie in `folder`; fill in their outputs.

    Args:
        notebook: an nbformat notebook, changed in place.
        folder: where the kernel starts; its store is `.perdure` in it.
        progress: told each step and what it prints.
        kill: the step in whose middle the kernel gets a SIGKILL.
        after_lines: how many lines that step has printed by then.

    Returns:
        Whether the kernel was killed; the cells after that have not run.

    Raises:
        DemoFailed: a cell failed, or the kernel died by itself.
    """
    return asyncio.run(_run_pass(notebook, folder, progress, kill, after_lines))


async def _run_pass(
    notebook: Any, folder: Path, progress: Progress, kill: str | None, after_lines: int
) -> bool:
    from nbclient.client import NotebookClient
    from nbclient.exceptions import CellExecutionError

    manager = _manager(folder)
    lines, killed = 0, False

    def begin(cell: Any, **_: Any) -> None:
        # nbclient answers signals by ending the kernel, which would look as if that had died by itself.
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(signum)
        progress.begin(step_name(cell.source) or cell.source.split(maxsplit=1)[0])

    class Client(NotebookClient):
        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            nonlocal lines, killed
            if msg["msg_type"] == "stream" and not killed:
                text = _COLOUR.sub("", msg["content"]["text"])
                progress.tell(text.strip().rsplit("\n", 1)[-1])
                if kill is not None and step_name(cell.source) == kill:
                    lines += text.count("\n")
                    if lines >= after_lines:
                        os.kill(_process(manager), signal.SIGKILL)
                        killed = True
            return super().process_message(msg, cell, cell_index)

    client = Client(notebook, km=manager, timeout=None, coalesce_streams=True, on_cell_execute=begin)
    progress.begin("kernel")
    ticking = asyncio.create_task(_tick(progress))
    log = folder / "kernel.log"
    try:
        with log.open("wb") as stderr:
            await client.async_execute(
                cwd=str(folder), env=_environment(folder), stderr=stderr, cleanup_kc=True
            )
    except CellExecutionError as error:
        raise DemoFailed(
            cause=f"a cell failed with {error.ename}: {error.evalue}",
            advice="Run the notebook in Jupyter to see where.",
        ) from None
    except RuntimeError:  # nbclient's word for a kernel that is dead, or did not start
        _stop_if_cancelled()
        if not killed:
            raise DemoFailed(
                cause=f"the kernel died by itself. {_last_line(log)}".rstrip(),
                advice="Run the notebook in Jupyter to see why; memory is a usual cause.",
            ) from None
    finally:
        ticking.cancel()
    return killed


def _stop_if_cancelled() -> None:
    """End the pass for Ctrl-C, of which nbclient tells as of a kernel that died."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _last_line(log: Path) -> str:
    """What the kernel's process said last, outside of all cells."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _manager(folder: Path) -> Any:
    """The manager of a kernel "Python 3 (Perdure)" of this Python, all of whose files lie in `folder`."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    from perdure.notebook.kernelspec import NAME, install

    kernels = Path(install(prefix=str(folder))).parent
    return AsyncKernelManager(
        kernel_name=NAME,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False),
        # Sockets in the folder, not ports: nobody else can connect, and the kernel has nothing to warn of.
        transport="ipc",
        connection_file=str(folder / f"{uuid.uuid4().hex[:8]}.json"),
    )


def _process(manager: Any) -> int:
    """The process id of the kernel."""
    return int(manager.provisioner.pid)


async def _tick(progress: Progress) -> None:
    """Keep the time in the progress line going while a step says nothing."""
    while True:
        await asyncio.sleep(0.5)
        progress.refresh()


def _environment(folder: Path) -> dict[str, str]:
    """The user's environment with a store and an IPython profile that nobody has used before."""
    return {**os.environ, "PERDURE_STORE": str(folder / ".perdure"), "IPYTHONDIR": str(folder / ".ipython")}
