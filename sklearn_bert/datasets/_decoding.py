"""Bytes of files become text: unpacked, without a byte order mark, in an encoding that is told."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib

_BOMS = {  # the longer ones first: that of UTF-16 begins that of UTF-32
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# What is guessed among, the commonest first: it wins where several are as likely. What differs from
# one of these in few letters is not among them, such as latin-1, of which cp1252 is more.
_LATIN = ("cp1252", "cp1250", "cp1254")
_OTHER = (
    *("gb18030", "cp1251", "cp932", "cp949", "euc_jp", "big5", "cp1253", "cp1255", "cp1256"),
    *_LATIN,
)
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_LATIN_SHARE = 0.7  # of other bytes than ASCII, those that stand alone among ASCII
_SAMPLE_BYTES = 65_536
_AS_LIKELY = 0.05  # difference of charset-normalizer's `chaos` and `coherence` that says nothing
_PACKERS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
PACKED_SUFFIXES = tuple(_PACKERS)
# First bytes of files that are no text, whatever their name says.
_NO_TEXT = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; name it .zip or .xlsx",
    b"\x1f\x8b": "packed by gzip; add .gz to its name",
    b"BZh91AY&SY": "packed by bzip2; add .bz2 to its name",
    b"\xfd7zXZ\x00": "packed by xz; add .xz to its name",
    b"\x28\xb5\x2f\xfd": "packed by zstd; add .zst to its name",
    b"PAR1": "a Parquet file; name it .parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as .xlsx or CSV",
    b"%PDF": "a PDF; save its table as CSV",
    b"version https://git-lfs": "a pointer of git-LFS to the file; fetch it by git lfs pull",
    b"SQLite format 3": "an SQLite database; export its table as CSV",
}
_PAGES = ("<!doctype html", "<html", "<?xml")


def without_packing(name):
    """Return the name of a file without the suffix of what packed it."""
    return next((name[: -len(end)] for end in _PACKERS if name.lower().endswith(end)), name)


def read_bytes(source, where):
    """Return the content of a Path, unpacked as its name says, or of a stream, which stays open."""
    if hasattr(source, "read"):
        name, data = str(getattr(source, "name", "")), source.read()
    else:
        name, data = source.name, source.read_bytes()
    packer = next((kind for end, kind in _PACKERS.items() if name.lower().endswith(end)), None)
    if packer is None:
        return data
    try:
        return _unpack(packer, data, where)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile):
        ending = next(end for end, kind in _PACKERS.items() if kind == packer)
        raise ValueError(
            f"A file whose name ends in {ending} must be packed by {packer}, and {where} is not or "
            "is damaged; pack it again, or rename it."
        ) from None


def _unpack(packer, data, where):
    """Return what was packed."""
    if packer == "zip":
        return _unzip(data, where)
    if packer == "zstd":
        return _unpack_zstd(data)
    return {"gzip": gzip, "bzip2": bz2, "xz": lzma}[packer].decompress(data)


def _unzip(data, where):
    """Return the one file of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        names = [name for name in names if not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise ValueError(
                f"A .zip must hold one file, and {where} holds {len(names)}; unpack it and pass "
                "the one to read."
            )
        try:
            return archive.read(names[0])
        except (RuntimeError, NotImplementedError) as error:  # a password, another method
            raise ValueError(
                f"{where} must be a .zip without a password, packed by the usual method, and "
                "cannot be unpacked; unpack it and pass the file in it."
            ) from error


def _unpack_zstd(data):
    """Return what zstd packed, by the library that Parquet needs too."""
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Files packed by zstd are read by pyarrow, which is not installed; pip install "
            "pyarrow, or unpack the file."
        ) from None
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return stream.read()


def decode(data, where, encoding=None, *, guess=False):
    """Return the text in bytes, and the name of an encoding that had to be found out.

    Parameters
    ----------
    data : bytes
    where : str
        What errors call the file.
    encoding : str, default=None
        None is UTF-8. A byte order mark decides, whatever this says, and is no part of the text.
    guess : bool, default=False
        Whether to find out the encoding of what is no UTF-8, where None is given.

    Returns
    -------
    text : str
    found : str or None
        None for UTF-8, and for an encoding that was given.

    Raises
    ------
    ValueError
        If the encoding is unknown, or `data` is no text in it.
    """
    if encoding is not None:
        check_encoding(encoding)
    marked, length = _byte_order_mark(data)
    if marked is not None:
        found = None if marked == "utf-8" or encoding is not None else marked[:6]
        return _decode_strictly(data[length:], marked, where), found
    if encoding is not None:
        return _decode_strictly(data, encoding, where), None
    if not guess:
        return _decode_strictly(data, "utf-8", where), None
    found = _find_encoding(data, where)
    return _decode_strictly(data, found, where), None if found == "utf-8" else found


def check_encoding(encoding):
    """Refuse what names no encoding of text."""
    try:
        b"a".decode(encoding)
    except UnicodeError:
        return  # it exists, and wants more than one byte
    except (LookupError, TypeError, ValueError):
        raise ValueError(
            f"encoding must name a text encoding Python knows, got {encoding!r}; pass one such as "
            "'utf-8' or 'latin-1'."
        ) from None


def check_is_text(data, where):
    """Refuse the bytes of a workbook, an archive or a web page, whatever the file is called."""
    for start, what in _NO_TEXT.items():
        if data.startswith(start):
            raise ValueError(f"A table must be text, and {where} is {what}.")
    start = data[:200].lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower()
    if start.startswith(tuple(page.encode() for page in _PAGES)):
        raise ValueError(
            f"A table must be rows of fields, and {where} is a web page (HTML or XML), perhaps in "
            "place of the file that was to be downloaded; download it again."
        )


def _byte_order_mark(data):
    """Return the encoding that the first bytes name, and how many they are."""
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return encoding, len(mark)
    return None, 0


def _decode_strictly(data, encoding, where):
    """Return the text, or name the first line that is none in this encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        name = "UTF-8 text" if encoding == "utf-8" else f"text in encoding={encoding!r}"
        raise ValueError(
            f"{where} must be {name}, and line {line} is not (byte {byte}: {error.reason}); save "
            "it as UTF-8, or give encoding= if it has another."
        ) from None


def _find_encoding(data, where):
    """Return the encoding of bytes without a mark."""
    if b"\0" in data:
        for encoding in "utf-16-le", "utf-16-be":
            if _is_utf16(data, encoding):
                return encoding
    return "utf-8" if _decodes(data, "utf-8") else _guess(data, where)


def _is_utf16(data, encoding):
    """Return whether bytes with zeros are UTF-16: all zeros vanish, and all ends of lines stay."""
    if not _decodes(data, encoding):
        return False
    text = data.decode(encoding)
    return "\0" not in text and 0 < text.count("\n") == data.count(b"\n")


def _guess(data, where):
    """Return the encoding that is the most likely by the letters and words it gives."""
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{where} is not UTF-8, and what it is instead is found out by charset-normalizer, "
            "which is not installed; pip install charset-normalizer, or give encoding=."
        ) from None
    sample = _sample(data)
    guesses = _LATIN if _is_latin(sample) else _OTHER
    found = list(from_bytes(sample, cp_isolation=list(guesses)))
    likely = {
        name
        for match in found
        if match.chaos <= found[0].chaos + _AS_LIKELY
        and match.coherence >= found[0].coherence - _AS_LIKELY
        for name in (match.encoding, *match.could_be_from_charset)
    }
    if guesses is _LATIN and (not found or found[0].language == "English"):
        likely.add(guesses[0])  # whose signs, such as that of the pound, count as chaos
    encoding = next((name for name in guesses if name in likely and _decodes(data, name)), None)
    if encoding is None:
        raise ValueError(
            f"{where} must be text, and is neither UTF-8 nor what else it could be: give "
            "encoding=, such as 'cp1252' or 'utf-16', or save it as UTF-8."
        )
    return encoding


def _sample(data):
    """Return the first lines that are not ASCII: all others are the same in each encoding."""
    sample, size = [], 0
    for line in data.split(b"\n"):
        if not line.isascii():
            sample.append(line)
            size += len(line)
        if size > _SAMPLE_BYTES:
            break
    return b"\n".join(sample)


def _is_latin(sample):
    """Return whether only some letters are not ASCII, one at a time, as with accents."""
    runs = _HIGH_BYTES.findall(sample)
    alone = sum(len(run) == 1 for run in runs)
    return alone > _LATIN_SHARE * sum(map(len, runs))


def _decodes(data, encoding):
    """Return whether bytes are text in an encoding."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
