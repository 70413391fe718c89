"""The one error of settings, for every module that reads some."""


class MissingSetting(Exception):
    """The app can't start; the setting to mend is named."""
