"""How the counts of documents are kept in a record.

How many true positives, false positives and false negatives each test document has of each type is
what the bootstrap over documents needs.
"""

import base64
import zlib
from typing import TypedDict

import numpy

from ..items import DocumentCounts


class Packed(TypedDict):
    """Counts of documents as a record has them."""

    types: list[str]
    documents: int
    dtype: str
    zlib: str


def pack(counts: DocumentCounts) -> Packed:
    """Counts in a form that is small in JSON: types, shape, and the array as packed bytes."""
    dtype = "|u1" if counts.array.max(initial=0) < 256 else "<u4"
    # By type first: most of the documents lack most of the types, and runs of zeros pack well.
    packed = zlib.compress(counts.array.transpose(1, 2, 0).astype(dtype).tobytes(), 9)
    return {
        "types": counts.types,
        "documents": len(counts.array),
        "dtype": dtype,
        "zlib": base64.b64encode(packed).decode("ascii"),
    }


def unpack(record: Packed) -> DocumentCounts:
    """The inverse of `pack`."""
    data = zlib.decompress(base64.b64decode(record["zlib"]))
    shape = (len(record["types"]), 3, record["documents"])
    array = numpy.frombuffer(data, dtype=record["dtype"]).reshape(shape)
    return DocumentCounts(list(record["types"]), array.transpose(2, 0, 1).astype("int64"))
