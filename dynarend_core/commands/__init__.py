"""One module per ``dynarend <verb>``; each offers ``register(subparsers)`` and ``run(args) -> int``."""
