"""QR codes as a phone reads them, from a picture that is exact: ISO/IEC 18004, versions 1 to 9, level L.

Knows nothing of the driver that drew it. What does not fit the standard is an AssertionError.
"""

from __future__ import annotations

from collections.abc import Iterator

# by version: blocks, bytes of data and of error correction in each (ISO/IEC 18004, table 9)
_BLOCKS = {
    1: (1, 19, 7), 2: (1, 34, 10), 3: (1, 55, 15), 4: (1, 80, 20), 5: (1, 108, 26),
    6: (2, 68, 18), 7: (2, 78, 20), 8: (2, 97, 24), 9: (2, 116, 30),
}  # fmt: skip
# centres of alignment patterns (annex E); 6 is on the timing patterns
_ALIGNED = {
    1: [],
    2: [18],
    3: [22],
    4: [26],
    5: [30],
    6: [34],
    7: [6, 22, 38],
    8: [6, 24, 42],
    9: [6, 26, 46],
}
# level L, mask 0: with its own error correction and mask (annex C)
_FORMAT = "111011111000100"
# blank modules around the code
_MARGIN = 4

Modules = list[list[bool]]


def find_code(picture: bytes) -> Modules:
    """Return the modules of the code in a picture (PPM), dark ones true: black on a white square."""
    kind, size, _, pixels = picture.split(b"\n", 3)
    assert kind == b"P6"
    width, height = map(int, size.split())
    rows = [bytes(pixels[3 * width * y : 3 * width * (y + 1) : 3]) for y in range(height)]
    # the margin above the code is the longest white line
    side, top = max((len(max(row.split(b"\0"), key=len)), -y) for y, row in enumerate(rows))
    top = -top
    left = rows[top].index(b"\xff" * side)
    corner = next(n for n in range(side) if rows[top + n][left + n] == 0)
    scale = corner // _MARGIN
    count = side // scale - 2 * _MARGIN
    places = [corner + scale * n + scale // 2 for n in range(count)]
    return [[rows[top + y][left + x] == 0 for x in places] for y in places]


def decode(modules: Modules) -> bytes:
    """Return the contents of a code that has one binary segment."""
    version = (len(modules) - 17) // 4
    assert len(modules) == 17 + 4 * version
    assert _read_format(modules) == _FORMAT
    words = list(_words(modules, version))
    blocks, length, check = _BLOCKS[version]
    data = [words[number : blocks * length : blocks] for number in range(blocks)]
    checks = [
        words[blocks * length + number : blocks * (length + check) : blocks] for number in range(blocks)
    ]
    assert all(_is_code_word(block + tail, check) for block, tail in zip(data, checks, strict=True))
    bits = "".join(f"{byte:08b}" for block in data for byte in block)
    # 4 bits of mode, 8 bits of length
    assert bits[:4] == "0100"
    count = int(bits[4:12], 2)
    return bytes(int(bits[12 + 8 * n : 20 + 8 * n], 2) for n in range(count))


def _read_format(modules: Modules) -> str:
    """Return the 15 bits beside the upper left corner, the most significant first."""
    across = [modules[8][x] for x in (0, 1, 2, 3, 4, 5, 7, 8)]
    down = [modules[y][8] for y in (7, 5, 4, 3, 2, 1, 0)]
    return "".join("1" if dark else "0" for dark in across + down)


def _words(modules: Modules, version: int) -> Iterator[int]:
    """Yield the bytes in the order in which they lie: in columns of two, up and down, from the right."""
    size, bits = len(modules), ""
    upward = True
    for right in [*range(size - 1, 6, -2), *range(5, 0, -2)]:
        for y in range(size - 1, -1, -1) if upward else range(size):
            for x in (right, right - 1):
                if not _is_function(x, y, size, version):
                    bits += "1" if modules[y][x] != ((x + y) % 2 == 0) else "0"
        upward = not upward
    yield from (int(bits[n : n + 8], 2) for n in range(0, len(bits) - 7, 8))


def _is_function(x: int, y: int, size: int, version: int) -> bool:
    """Whether a module belongs to a pattern, to the format or to the version."""
    far = size - 8
    if (x < 9 and y < 9) or (x < 9 and y >= far) or (x >= far and y < 9) or 6 in (x, y):
        return True
    if version >= 7 and ((y < 6 and x >= size - 11) or (x < 6 and y >= size - 11)):
        return True
    centres = [(a, b) for a in _ALIGNED[version] for b in _ALIGNED[version]]
    # those that would lie on the finders, and on timing patterns, are covered above or do not exist
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    return any(abs(x - a) <= 2 and abs(y - b) <= 2 for a, b in centres if (a, b) not in corners)


def _is_code_word(word: list[int], check: int) -> bool:
    """Whether a block is without error: the code's polynomial has its roots (Reed-Solomon, 0x11d)."""
    powers = [1]
    for _ in range(254):
        powers.append(powers[-1] << 1 ^ (0x11D if powers[-1] & 0x80 else 0))
    logs = {value: power for power, value in enumerate(powers)}
    for root in range(check):
        value = 0
        for byte in word:
            value = (powers[(logs[value] + root) % 255] if value else 0) ^ byte
        if value:
            return False
    return True
