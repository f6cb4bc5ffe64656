"""An image with the programs that public skills call most, beside Python and Node; only for who asks for it."""

from __future__ import annotations

from deployments.local.common import STATE, SetupError
from deployments.local.images import cannot_build, has, load_root, make_root, release

TOOLS = {
    "git": "git",
    "pdftotext": "poppler-utils",
    "pandoc": "pandoc",
    "ffmpeg": "ffmpeg",
    "convert": "imagemagick",
    "gs": "ghostscript",
    "jq": "jq",
}
"""A program of each package, and the package."""


def tools_image() -> str:
    """Its name, which says of which release of the host's system it is."""
    return f"skillbox/tools:{release('VERSION_ID')}"


def ensure_tools_image(engine: str) -> tuple[str, str]:
    """Makes the image where it is not there yet.

    Returns:
        Its name, and a word on what was done.

    Raises:
        SetupError: It can't be built here.
    """
    image = tools_image()
    if has(engine, image):
        return image, f"{image} is there"
    if problem := cannot_build():
        raise SetupError(f"the tools image is made of this machine's own packages, and {problem}")
    folder = STATE / "images"
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "tools.tar"
    try:
        make_root(root, ["python3", "nodejs", *TOOLS.values()])
        load_root(engine, root, image)
    finally:
        root.unlink(missing_ok=True)
    return image, f"built {image}"
