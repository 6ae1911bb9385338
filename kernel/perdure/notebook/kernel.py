"""The kernel "Python 3 (Perdure)": the stock kernel, with the extension loaded and prompt interrupts."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from traitlets import Bool

from perdure import notebook

from .greeting import greet_with_first_cell
from .interrupts import interruptible


class PerdureKernel(IPythonKernel):
    """An IPython kernel for durable notebooks."""

    implementation = "perdure"
    implementation_version = version("perdure")
    autoload = Bool(default_value=True, help="Load the extension `perdure` when the kernel starts.").tag(
        config=True
    )

    shell: Any  # upstream declares it optional; it is there once the kernel is made

    @property
    def banner(self) -> str:  # type: ignore[override]  # a property upstream too, declared as an attribute
        """What a console shows when it connects."""
        return f"Perdure {self.implementation_version}\n{self.shell.banner}"

    def start(self) -> None:
        """Load the extension and begin to serve."""
        if self.autoload:
            self._load()
        super().start()  # type: ignore[no-untyped-call]

    def _load(self) -> None:
        """Load the extension; where that fails the kernel still serves, and says so with the first cell."""
        try:
            greet_with_first_cell(notebook.load(self.shell))
        except Exception as error:  # noqa: BLE001  whatever the extension does, the kernel must come up
            line = f"perdure: the extension could not be loaded ({type(error).__name__}: {error})."
        else:
            return
        line = " ".join(line.split())

        def tell(*_: Any) -> None:
            self.shell.events.unregister("pre_run_cell", tell)
            print(line, file=sys.stderr)  # noqa: T201  the first cell's own output is where it is seen

        self.shell.events.register("pre_run_cell", tell)

    # Private upstream: the stock one waits until something else wakes the loop. A test in tests/kernel tells
    # when it is not called any more.
    def _cancel_on_sigint(self, future: Any) -> Any:
        return interruptible(future)
