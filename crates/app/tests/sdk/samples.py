"""The files that the tests scan, each built here.

The EICAR test file is put together at run time, so that this file is not itself detected.
"""

import binascii
import hashlib
import io
import os
import struct
import zipfile
from email.message import EmailMessage


def clean() -> bytes:
    """Plain text that nobody has scanned before."""
    return b"Minutes of the meeting " + os.urandom(16).hex().encode() + b"\n"


def eicar() -> bytes:
    """The EICAR anti-malware test file, 68 bytes (eicar.org)."""
    parts = (
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}",
        "$EICAR-",
        "STANDARD-ANTIVIRUS-",
        "TEST-FILE!",
        "$H+H*",
    )
    return "".join(parts).encode("ascii")


def zipped(name: str, content: bytes) -> bytes:
    """A zip archive with one deflated member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def mail(attachment_name: str, attachment: bytes) -> bytes:
    """A mail with a text body and one attachment. Its Message-ID makes it new each time."""
    message = EmailMessage()
    message["From"] = "sender@example.org"
    message["To"] = "receiver@example.org"
    message["Subject"] = "Invoice"
    message["Message-ID"] = f"<{os.urandom(8).hex()}@example.org>"
    message.set_content("Please see the attachment.\n")
    message.add_attachment(
        attachment, maintype="application", subtype="zip", filename=attachment_name
    )
    return message.as_bytes()


def encrypted_zip(name: str, content: bytes, password: bytes) -> bytes:
    """A zip archive with one stored member under the traditional PKWARE encryption.

    APPNOTE.TXT 6.3.10, section 6.1; the standard library reads this form but does not write it.
    """
    crc = binascii.crc32(content)
    # The last byte of the 12-byte header lets a reader reject a wrong password.
    header = os.urandom(11) + bytes([crc >> 24])
    body = _pkware(password, header + content)
    stored, encrypted, date = 0, 1, (2026 - 1980) << 9 | 1 << 5 | 1
    encoded = name.encode("ascii")
    sizes = struct.pack("<IIHH", len(body), len(content), len(encoded), 0)
    common = struct.pack("<HHHHHI", 20, encrypted, stored, 0, date, crc) + sizes
    local = b"PK\x03\x04" + common + encoded + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common
    central += struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _pkware(password: bytes, plain: bytes) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(old: int, byte: int) -> int:
        # binascii.crc32 inverts before and after; the cipher wants the bare step.
        return binascii.crc32(bytes([byte]), old ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    out = bytearray()
    for byte in plain:
        temporary = (keys[2] | 2) & 0xFFFF
        out.append(byte ^ ((temporary * (temporary ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(out)


def hashes(content: bytes) -> dict[str, str]:
    """Every hash that a result shows, in lower-case hexadecimal."""
    kinds = ("md5", "sha1", "sha256", "sha512")
    return {kind: hashlib.new(kind, content).hexdigest() for kind in kinds}
