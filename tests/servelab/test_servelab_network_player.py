"""A player that waits never skips and never catches up."""

from __future__ import annotations

import numpy as np
import pytest

from servelab.network import Delivery, waiting_player


def test_a_waiting_player_keeps_every_delay_it_once_had() -> None:
    sent = np.arange(5, dtype=np.float64) * 20.0
    delivery = Delivery(sent, sent + np.array([50.0, 50.0, 130.0, 50.0, 50.0]))
    assert waiting_player(delivery, 10.0).tolist() == [60.0, 80.0, 170.0, 190.0, 210.0]
    lost = Delivery(sent, np.where(sent == 40, np.inf, sent))
    with pytest.raises(ValueError, match="waits for ever"):
        waiting_player(lost, 10.0)
