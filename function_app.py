"""The Functions app: every trigger, from the blueprints in functions/."""

import azure.functions as func

from functions import (
    commands,
    environment_views,
    events,
    infrastructure,
    orchestrations,
    outbox,
    promotion,
    reconciler,
    release_views,
    views,
    webhooks,
)
from functions.bootstrap import settings

settings()  # a missing setting stops the app here, by name

# Who may call is decided in functions/identity.py, which says why not here.
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for room in (
    commands,
    events,
    orchestrations,
    promotion,
    infrastructure,
    outbox,
    reconciler,
    webhooks,
    views,
    release_views,
    environment_views,
):
    app.register_functions(room.blueprint)
