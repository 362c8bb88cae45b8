"""What tests of the command share."""

from refimpl.cli import main


def refused(arguments, capsys, *expected):
    """The command exits with 2 and its message holds all the expected words."""
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse
        code = stop.code
    message = capsys.readouterr().err
    assert code == 2
    for words in expected:
        assert words in message
    assert "Traceback" not in message


def contents(folder):
    """Every file of a folder by name, to see that nothing was changed."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
