"""A fixed window by flask-limiter, as its documentation shows it: PORT STORAGE LIMIT."""

import logging
import sys

from flask import Flask
from flask_limiter import Limiter


def build_app(storage: str, limit: int) -> Flask:
    """One route under `limit` a day, counted for one tenant in `storage`."""
    app = Flask(__name__)
    limiter = Limiter(lambda: "tenant", app=app, storage_uri=storage, strategy="fixed-window")

    @app.get("/health")
    @limiter.exempt
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/jobs")
    @limiter.limit(f"{limit} per day")
    def jobs() -> tuple[dict[str, str], int]:
        return {"status": "queued"}, 202

    return app


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    build_app(sys.argv[2], int(sys.argv[3])).run(port=int(sys.argv[1]), threaded=True)
