"""The servers that `serving.py` compares with, each a process: Flask, FastAPI, and an HTTP server with nothing behind.

    python benchmarks/serving_peers.py flask 8601 export/models/saved_model/cnn_mnist/1

Flask with `model.predict` and FastAPI with the SavedModel's signature are what tutorials show. The floor is this
package's own web server, uvicorn with its limits, that reads a body and gives a fixed answer.
"""

import asyncio

import numpy as np
import recording


def flask(port: int, folder: str) -> None:
    """Flask, `model.predict` a request."""
    import keras
    from flask import Flask, jsonify, request

    app = Flask("peer")
    net = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.TFSMLayer(folder, call_endpoint="serving_default")])

    @app.get("/")
    def ready():
        return "ready"

    @app.post("/predict")
    def predict():
        found = net.predict(np.array(request.get_json()["instances"], np.float32), verbose=0)
        return jsonify(predictions=found["probabilities"].tolist())
    app.run("127.0.0.1", port, threaded=True)


def fastapi(port: int, folder: str) -> None:
    """FastAPI, the SavedModel's signature a request."""
    import tensorflow as tf
    import uvicorn
    from fastapi import Body, FastAPI

    app = FastAPI()
    signature = tf.saved_model.load(folder).signatures["serving_default"]

    @app.get("/")
    def ready():
        return "ready"

    @app.post("/predict")
    def predict(body: dict = Body()):  # noqa: B008  FastAPI's way
        found = signature(image=tf.constant(body["instances"], tf.float32))
        return {"predictions": found["probabilities"].numpy().tolist()}
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="error")


def floor(port: int, folder: str) -> None:
    """This package's web server with a fixed answer."""
    from dl100_tf.serving import http_server
    from dl100_tf.serving.flags import Settings

    text = b'{\n    "predictions": [[' + b", ".join([b"0.123456789"] * 10) + b"]\n    ]\n}"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})
    loop = http_server.event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(http_server.server(app, Settings()).serve(sockets=http_server.sockets("localhost", port)))


def main() -> None:
    parser = recording.parser(__doc__)
    parser.add_argument("name", choices=["flask", "fastapi", "floor"])
    parser.add_argument("port", type=int)
    parser.add_argument("model", help="folder of a SavedModel")
    wanted = parser.parse_args()
    {"flask": flask, "fastapi": fastapi, "floor": floor}[wanted.name](wanted.port, wanted.model)


if __name__ == "__main__":
    main()
