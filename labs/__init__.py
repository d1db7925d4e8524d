"""Measurements of real components. Each lab writes one record, which chapters read through
`servelab.book`."""
