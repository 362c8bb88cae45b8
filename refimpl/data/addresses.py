"""Where the corpora come from: what is downloaded for each, its addresses, and how much of it is accepted.

Data, not code: ``fetch`` takes other addresses as an argument (a mirror, or a folder with files got by other means).
"""

from typing import NamedTuple


class Download(NamedTuple):
    """One file of an origin, from which files of a corpus are made."""

    file: str  # its name
    addresses: tuple[str, ...]  # tried in this order
    limit_mib: int  # a longer one is refused
    unpacked_mib: int = 0  # an archive that holds more is refused; 0: not an archive, the file itself is wanted
    inside: str = ""  # folder of the archive from which paths count
    reviews: bool = False  # a text a member, to be packed as JSON lines


_IMIKOLOV = "http://www.fit.vutbr.cz/~imikolov/rnnlm/"
_AMAAS = "https://ai.stanford.edu/~amaas/data/sentiment/"
_PABO = "http://www.cs.cornell.edu/people/pabo/movie-review-data/"
_LECUN = "http://yann.lecun.com/exdb/mnist/"
_OSSCI = "https://ossci-datasets.s3.amazonaws.com/mnist/"

PTB = (Download("simple-examples.tgz", (_IMIKOLOV + "simple-examples.tgz",), 128, 1024, "data/"),)
IMDB = (Download("aclImdb_v1.tar.gz", (_AMAAS + "aclImdb_v1.tar.gz",), 256, 1024, reviews=True),)
CORNELL = (Download("scale_data.tar.gz", (_PABO + "scale_data.tar.gz",), 64, 256),)
MNIST = tuple(
    Download(name, (_LECUN + name, _OSSCI + name), 32)
    for name in (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
)
