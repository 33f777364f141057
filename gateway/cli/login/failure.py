"""Why a command cannot go on."""

FAILED = 1
# Scripts tell this one apart: somebody has to sign in.
NOT_SIGNED_IN = 3


class CommandError(Exception):
    """The command ends with this message and `status`."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
