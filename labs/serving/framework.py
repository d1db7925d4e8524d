"""The same model behind LitServe, which batches by itself.

No `from __future__ import annotations` here: the framework reads the annotation of a request as an object,
and this one says that the body is taken as it comes.
"""

from typing import Annotated, Any

import litserve
from fastapi import Body, HTTPException

from labs.serving import clips, model
from labs.serving.model import Reply
from servelab.audio import Pcm16


class ClipApi(litserve.LitAPI):
    """The hooks of LitServe around the lab's model."""

    def setup(self, device: Any) -> None:
        self.speech = model.load()

    def decode_request(self, request: Annotated[bytes, Body()]) -> Pcm16:
        try:
            return clips.decode(request)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    def predict(self, batch: Any) -> list[Reply]:
        return model.answer(self.speech, list(batch))


def serve(host: str, port: int, path: str, kept_s: int, size: int, wait_s: float) -> None:
    """Serve until the process is told to end. `fast_queue` is what LitServe advises above 100 requests/s."""
    api = ClipApi(max_batch_size=size, batch_timeout=wait_s, api_path=path)
    server = litserve.LitServer(
        api, accelerator="cpu", devices=1, workers_per_device=1, timeout=False, fast_queue=True
    )
    server.run(
        host=host, port=port, log_level="warning", generate_client_file=False, timeout_keep_alive=kept_s
    )
