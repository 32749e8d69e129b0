"""Plots as SVG: lines from 0, one panel below the other, for pages of the documentation."""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, MARGIN = 720, 160, 46
COLOURS = ("#1f77b4", "#ff7f0e")


def plot(panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], caption: str) -> str:
    """Return a panel for each title, with a line through the points of each series, and what the x axis counts."""
    parts = []
    for place, (title, series) in enumerate(panels.items()):
        top, high, wide = place * HEIGHT + MARGIN, HEIGHT - MARGIN - 14, WIDTH - 2 * MARGIN
        most_x, most_y = (max(point[axis] for points in series.values() for point in points) for axis in (0, 1))
        legend = "".join(
            f'<tspan dx="12" fill="{colour}">{name}</tspan>'
            for name, colour in zip(series, COLOURS, strict=False)
            if name
        )
        parts += [
            f'<text x="{MARGIN}" y="{top - 8}"><tspan font-weight="bold">{title}</tspan>{legend}</text>',
            f'<path d="M{MARGIN} {top}v{high}h{wide}" fill="none" stroke="#888"/>',
            f'<text x="{MARGIN - 6}" y="{top + 8}" text-anchor="end">{most_y:,.0f}</text>',
            f'<text x="{MARGIN - 6}" y="{top + high}" text-anchor="end">0</text>',
            f'<text x="{MARGIN + wide}" y="{top + high + 14}" text-anchor="end">{most_x:,.0f} {caption}</text>',
        ]
        for points, colour in zip(series.values(), COLOURS, strict=False):
            places = " ".join(
                f"{MARGIN + wide * x / most_x:.1f},{top + high * (1 - y / (most_y or 1)):.1f}" for x, y in points
            )
            parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
    size = f'viewBox="0 0 {WIDTH} {len(panels) * HEIGHT + 20}"'
    style = 'font-family="sans-serif" font-size="12" style="background:#fff"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *parts, "</svg>\n"])
