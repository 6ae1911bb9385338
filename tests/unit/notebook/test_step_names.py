"""One name for two steps, where there are no cells."""

from perdure.notebook import load, unload


def test_a_terminal_may_define_a_step_as_often_as_it_likes(shell):
    load(shell)
    try:
        for n in (1, 2):
            ran = shell.run_cell(
                f"from perdure import step\n@step\ndef clean(x):\n    return x + {n}", store_history=True
            )
            ran.raise_error()
        assert shell.user_ns["clean"].__wrapped__(1) == 3
    finally:
        unload(shell)
