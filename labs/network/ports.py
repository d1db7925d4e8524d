"""Where each transport listens: packets on the path are told apart by it."""

UDP = 9001
WEBSOCKET = 9002
WEBSOCKET_PLAIN = 9012
WEBSOCKET_JSON = 9022
GRPC = 9003
UPLOAD = 9004
WEBTRANSPORT_DATAGRAM = 9007
WEBTRANSPORT_STREAM = 9008
SIGNALING = 9005
"""Offer and answer of WebRTC travel over HTTPS; its media uses ports that the stack picks."""
MEDIA = 1
"""No port: RTP on ports that the stack has picked is counted here."""

OF = {
    "udp": UDP,
    "websocket": WEBSOCKET,
    "websocket-plain": WEBSOCKET_PLAIN,
    "websocket-json": WEBSOCKET_JSON,
    "grpc": GRPC,
    "upload": UPLOAD,
    "webtransport-datagram": WEBTRANSPORT_DATAGRAM,
    "webtransport-stream": WEBTRANSPORT_STREAM,
    "webrtc-media": MEDIA,
}
"""The port by transport. WebRTC's data channel has none of its own: its traffic is what no other port
explains."""
