"""`python -m server` is `floorwalker`."""

from server.cli.commands import main

if __name__ == "__main__":
    main()
