"""A plot is the same file each time, in both modes, and carries nothing that a page refuses."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from bookkit.manuscript import cells
from servelab import plots
from servelab.plots import Palette

mpl.use("svg")


def draw(palette: Palette) -> Figure:
    figure, axis = plt.subplots(figsize=(plots.TEXT_WIDTH_IN, 2))
    axis.plot([2.5, 20, 60], [1, -2, 3], color=palette.accent)
    plots.log_ticks(axis, [2.5, 20, 60])
    plots.label(axis, 20, -2, "here -- now", palette.accent)
    return figure


@pytest.mark.parametrize("mode", list(plots.PALETTES))
def test_a_plot_is_the_same_file_each_time(mode: plots.Mode) -> None:
    svg = plots.render(draw, mode)
    assert svg == plots.render(draw, mode)
    assert svg.startswith("<svg ")
    assert plots.PALETTES[mode].accent in svg
    for refused in ("DOCTYPE", "<metadata", "<!--", "<text", 'pt"'):
        assert refused not in svg
    assert 'width="590.4"' in svg
    assert not plt.get_fignums(), "the figure is closed"


def test_a_cell_shows_light_and_then_dark(capsys: pytest.CaptureFixture[str]) -> None:
    plots.draw_both(draw)
    shown = capsys.readouterr().out
    assert shown.index(plots.PALETTES["light"].accent) < shown.index(plots.PALETTES["dark"].accent)


def test_the_press_knows_the_form_for_phones_by_the_same_name() -> None:
    assert plots.NARROW == cells.NARROW


def test_a_phone_gets_panels_one_below_another() -> None:
    def draw_panels(palette: Palette) -> Figure:
        figure, axes = plt.subplots(1, 2, figsize=(plots.TEXT_WIDTH_IN, 3), sharey=True)
        for axis in axes:
            axis.plot([1, 2], [1, 2], color=palette.accent)
        return figure

    light, dark = plots.renderings(draw_panels)
    assert plots.PALETTES["light"].accent in light[1]
    assert plots.PALETTES["dark"].accent in dark[1]
    assert 'width="590.4" height="216"' in light[0]
    assert 'width="345.6" height="345.6"' in light[1]
    for (wide, narrow), mode in zip((light, dark), plots.PALETTES, strict=True):
        assert wide == plots.render(draw_panels, mode)
        assert narrow.count('<g id="text_') > wide.count('<g id="text_'), (
            "the lower panel has its own numbers"
        )
    assert 'width="345.6" height="144"' in plots.renderings(draw)[0][1]


def test_the_style_ends_with_its_context() -> None:
    before = mpl.rcParams["font.size"]
    with plots.style("dark"):
        assert mpl.rcParams["text.color"] == plots.PALETTES["dark"].ink
    assert mpl.rcParams["font.size"] == before


def luminance(color: str) -> float:
    """Relative luminance of a hex color, as the contrast formula of WCAG 2 defines it."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("mode", list(plots.PALETTES))
def test_every_color_of_a_line_can_be_read_on_the_paper(mode: plots.Mode) -> None:
    palette = plots.PALETTES[mode]
    for color in palette.series:
        light, dark = sorted((luminance(color), luminance(palette.paper)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, color
