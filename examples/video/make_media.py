"""Makes the videos of this example: uncompressed YUV4MPEG2, small enough to keep in a repository.

Run it in this folder: `python3 make_media.py`. The result is the same every time.
"""

import math
import pathlib

WIDTH, HEIGHT, FRAMES, RATE = 32, 24, 40, 10


def frame(light: float, position: float) -> bytes:
    """A bright disc on a background, as 4:2:0 planes without colour."""
    luma = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            inside = math.hypot(x - position, y - HEIGHT / 2) < 5
            luma.append(min(235, int(16 + light * (220 if inside else 60))))
    return bytes(luma) + bytes([128]) * (WIDTH * HEIGHT // 2)


def video(light_from: float, light_to: float, speed: float) -> bytes:
    """A disc that moves to and fro while the light changes."""
    out = [f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420\n".encode()]
    for index in range(FRAMES):
        light = light_from + (light_to - light_from) * index / (FRAMES - 1)
        position = WIDTH / 2 + (WIDTH / 2 - 6) * math.sin(speed * index)
        out += [b"FRAME\n", frame(light, position)]
    return b"".join(out)


MEDIA = {
    "dawn.y4m": video(0.1, 0.9, 0.05),
    "noon.y4m": video(0.9, 0.9, 0.3),
    "dusk.y4m": video(0.8, 0.2, 0.15),
}

if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent / "media"
    folder.mkdir(exist_ok=True)
    for name, content in MEDIA.items():
        (folder / name).write_bytes(content)
