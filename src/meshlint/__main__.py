"""The program's entry: `meshlint` and `python -m meshlint`."""


def main() -> None:
    """Runs the program without collecting garbage, its own imports included.

    A run keeps what it read until it ends, so that collecting only costs: a third of large runs, a tenth of small ones.
    """
    import gc

    gc.disable()
    from .cli.main import run

    run()


def _leave_current_directory() -> None:
    """`python -m` has modules of the current directory imported first; it may be what is linted, which is not executed."""
    import sys

    if not sys.flags.safe_path:
        del sys.path[0]


if __name__ == "__main__":
    _leave_current_directory()
    main()
