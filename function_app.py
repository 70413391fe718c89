"""The Functions app: every trigger, from the blueprints in functions/."""

import azure.functions as func

from functions import commands, events, outbox, reconciler, views, webhooks
from functions.bootstrap import settings

settings()  # a missing setting stops the app here, by name

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for room in (commands, events, outbox, reconciler, webhooks, views):
    app.register_functions(room.blueprint)
