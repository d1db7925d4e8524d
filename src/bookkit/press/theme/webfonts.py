"""Web fonts of the theme, made from the faces that the PDF uses: `python webfonts.py FOLDER_OF_TTF`.

Each face becomes two files in `site/fonts`: the whole face, only compressed, under its own name, and its
Latin core. The licences reserve the faces' names for unmodified files, so that the cores carry names of
their own; the licences stand beside them. A page fetches the cores, and a whole face only for a sign that
its core lacks.

Needs the `brotli` package beside fontTools, and the TTF files of npm `@expo-google-fonts/*`.
"""

import sys
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

SITE_FONTS = Path(__file__).parent / "site" / "fonts"

FACES = {  # file of the core: (name of the core's family, file of the whole face)
    "serif-400": ("Serving Serif", "SourceSerif4_400Regular"),
    "serif-400i": ("Serving Serif", "SourceSerif4_400Regular_Italic"),
    "serif-600": ("Serving Serif", "SourceSerif4_600SemiBold"),
    "sans-300": ("Serving Sans", "SourceSans3_300Light"),
    "sans-400": ("Serving Sans", "SourceSans3_400Regular"),
    "sans-400i": ("Serving Sans", "SourceSans3_400Regular_Italic"),
    "sans-600": ("Serving Sans", "SourceSans3_600SemiBold"),
    "mono-400": ("Serving Mono", "IBMPlexMono_400Regular"),
    "mono-600": ("Serving Mono", "IBMPlexMono_600SemiBold"),
    "math": ("Serving Math", "LibertinusMath_400Regular"),
}

LATIN = """
    20-7E A0-FF 2C6 2DC 3BC 2009-2015 2018-201A 201C-201E 2020-2022 2026 202F 2030 2032 2033 2070 2080-2089
    20AC 2122 2190-2193 2212 2248 2260 2264 2265
"""
MATHS = """
    20-7E A0 B1 B7 D7 F7 391-3C9 3D5 3F5 2016 2026 2032 2033 2061-2063 210E 2113 2115 211D 2124 2190-2194 21A6
    21D2 21D4 2200 2202 2203 2205 2207-2209 220F 2211-2213 221A 221D 221E 2223 2227-222B 223C 2243 2248 2260
    2261 2264 2265 226A 226B 2282 2286 22C5 22EE 22EF 2308-230B 27E8 27E9 1D400-1D467 1D6FC-1D71B
"""
FEATURES = ["kern", "liga", "tnum", "lnum", "pnum", "sups", "ccmp", "mark", "locl"]


def signs(ranges: str) -> list[int]:
    """The code points in a text of hexadecimal numbers and ranges."""
    ends = [word.partition("-") for word in ranges.split()]
    return [sign for low, _, high in ends for sign in range(int(low, 16), int(high or low, 16) + 1)]


def webfont(font: TTFont) -> bytes:
    """The same font in the WOFF2 container."""
    font.flavor = "woff2"
    buffer = BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def core(path: Path, family: str, kept: list[int]) -> bytes:
    """The face cut to `kept` and named `family`, as WOFF2; the copyright and licence entries stay."""
    font = TTFont(path, recalcTimestamp=False)
    options = Options()
    options.layout_features = ["ssty", "dtls", "flac"] if family == "Serving Math" else FEATURES
    options.hinting = False
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    names = font["name"]
    style = str(names.getDebugName(2) or "Regular")
    for number, text in {1: family, 4: f"{family} {style}", 6: f"{family} {style}".replace(" ", "-")}.items():
        for record in [r for r in names.names if r.nameID == number]:
            names.setName(text, number, record.platformID, record.platEncID, record.langID)
    return webfont(font)


def main(folder: Path) -> None:
    """Write both files of every face; `folder` holds the TTF files."""
    SITE_FONTS.mkdir(exist_ok=True)
    for stem, (family, face) in FACES.items():
        source = folder / f"{face}.ttf"
        (SITE_FONTS / f"{face}.woff2").write_bytes(webfont(TTFont(source, recalcTimestamp=False)))
        target = SITE_FONTS / f"{stem}-core.woff2"
        target.write_bytes(core(source, family, signs(MATHS if family == "Serving Math" else LATIN)))
        print(f"{target.name}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
