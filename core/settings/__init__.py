"""What the operator decides in `threadbridge.toml`: `core.settings.models` says what, `core.settings.reading` how."""

from core.settings.models import (
    AccountSettings,
    DeskSettings,
    Limits,
    Match,
    ReplyMode,
    RouteSettings,
    Settings,
    Web,
    WorkspaceSettings,
)
from core.settings.reading import SettingsError, load

__all__ = [
    "AccountSettings",
    "DeskSettings",
    "Limits",
    "Match",
    "ReplyMode",
    "RouteSettings",
    "Settings",
    "SettingsError",
    "Web",
    "WorkspaceSettings",
    "load",
]
