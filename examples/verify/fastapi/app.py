import os
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection
from fastapi.websockets import WebSocket

from gateway.verify import AsgiMiddleware, Identity, Verifier

verifier = Verifier(
    issuer=os.environ["ASSERTION_ISSUER"],
    audience=os.environ["ASSERTION_AUDIENCE"],
    jwks_url=os.environ.get("ASSERTION_JWKS"),
)

app = FastAPI()
app.add_middleware(AsgiMiddleware, verifier=verifier)


def who_is_asking(connection: HTTPConnection) -> Identity:
    return connection.scope["gatepost"]


WhoIsAsking = Annotated[Identity, Depends(who_is_asking)]


@app.get("/")
def index(identity: WhoIsAsking):
    return {"user": identity.user, "groups": identity.groups}


@app.websocket("/live")
async def live(websocket: WebSocket, identity: WhoIsAsking):
    await websocket.accept()
    await websocket.send_json({"user": identity.user, "groups": identity.groups})
    await websocket.close()
