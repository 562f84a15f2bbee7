"""Images, sounds and documents: data URLs, formats and vendors' file ids.

A file that was uploaded to a vendor is known only there: its id travels as ``Media.url`` with the vendor's name as the
scheme (``openai-file:file-abc``) and is refused by every other vendor's writer.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes, urlsplit

from ...domain.conversation import Media
from .wire import refused

ANY_IMAGE = "image/*"
"""An image whose format is not said: a remote one in OpenAI's formats."""
ANY_FILE = "application/octet-stream"
AUDIO = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_TYPES = {  # not the standard library's: what it knows depends on the machine
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "pdf": "application/pdf",
    "json": "application/json",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def decoded(text: str, field: str) -> bytes:
    """Base64, as clients write it. Raises ``Rejected``."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused(field, f"it is not base64 ({error})") from error


def encoded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def from_url(url: str, field: str, media_type: str = ANY_IMAGE, name: str = "") -> Media:
    """An address or a data URL. ``media_type`` is for an address that does not show one."""
    if not url.startswith("data:"):
        return Media(guessed(url) or media_type, url=url, name=name)
    head, comma, rest = url[5:].partition(",")
    if not comma:
        raise refused(field, "it is a data URL without data")
    kind, *options = head.split(";")
    data = decoded(rest, field) if "base64" in options else unquote_to_bytes(rest)
    return Media(kind or "text/plain", data=data, name=name)


def data_url(media: Media) -> str:
    """Inline data as a URL."""
    return f"data:{media.media_type or ANY_FILE};base64,{encoded(media.data)}"


def guessed(name: str) -> str:
    """The media type that a file name or an address shows, or nothing."""
    path = urlsplit(name).path if "//" in name else name
    return _TYPES.get(path.rpartition(".")[2].lower(), "") if "." in path else ""


def file_id(media: Media, vendor: str) -> str:
    """The id of a file that was uploaded to this vendor, or nothing."""
    scheme = f"{vendor}-file:"
    return media.url.removeprefix(scheme) if media.url.startswith(scheme) else ""


def of_file(vendor: str, id: str, media_type: str, name: str = "") -> Media:
    """A file that was uploaded to this vendor."""
    return Media(media_type, url=f"{vendor}-file:{id}", name=name)


def check(media: Media, vendor: str) -> None:
    """Refuse what this vendor cannot reach: another vendor's file, or an artifact that nobody has put in yet."""
    scheme, _, id = media.url.partition("-file:")
    if id and scheme != vendor and "/" not in scheme:
        raise refused("messages", f"file {id!r} was uploaded to {scheme} and is known only there; send its content")
    if not media.data and not media.url:
        where = f"artifact {media.artifact[:12]} was not read from the store" if media.artifact else "a file has no content"
        raise refused("messages", where)


def is_image(media: Media) -> bool:
    """Whether it is an image."""
    return media.media_type.startswith("image/")


def is_audio(media: Media) -> bool:
    """Whether it is a sound."""
    return media.media_type.startswith("audio/")
