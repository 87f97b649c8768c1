"""``python -m incidents``: the same as the ``notifier`` command."""

from incidents.app import main

if __name__ == "__main__":
    main()
