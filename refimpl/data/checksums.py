"""SHA-256 sums of the published corpora: of the contents for .xz files, of the file as stored for all others.

They were taken from files that were compared with the originals byte for byte where a public sum or blob exists.
"""

PTB_CHAR = {
    "ptb.char.train.txt.xz": "e313d91425e06c4f0a8fb6e881dcce0c291f2a0e9f4dda54833069b122f91da9",
    "ptb.char.valid.txt.xz": "21661f63ec355085879458b6524644d4add5573541b4be14fb52ab2e2e995eb8",
    "ptb.char.test.txt.xz": "1ef5607ac3c463b16e38bfe7900dd3bfc91de5a96e0f21e7eab5188b465b8ebe",
}

PTB_WORD = {
    "ptb.train.txt.xz": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt.xz": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt.xz": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}

IMDB = {
    "train.jsonl.xz": "733414d3549fa1c2581de3b8194539675502f0f0ecbd42a90b7a5f952cc4d3ee",
    "test.jsonl.xz": "37fcf4fda5b38610be3910a5d484f87db9e365ca39aadc6be1e665d5adf813a1",
}

CORNELL_KINDS = ("subj.{}.xz", "rating.{}", "label.3class.{}", "label.4class.{}", "id.{}")
CORNELL_SUMS = {
    "Dennis+Schwartz": (
        "cb26f952c091c510c786627a45a5af3fb5c87a986f9aa3eb7eef6e4ed1797a02",
        "b9057227d5b1324f49d5f402f1cad0ae472f3d130f35a24a5334ab7db6726be7",
        "38fd3819797f0857fce3371e81f87f239ac37bf3657dc0baeda7db18997ec9a3",
        "4040ceabf677075a69041c6bac25ef38376856d3e25bd4205e0abbae6bf36d6a",
        "f7eb85839454406ed767752cedbff8d9ea8f059d3811366aec75aa24ebb0c515",
    ),
    "James+Berardinelli": (
        "1b612ca24494cc675f5e58c1fc320501446da2ed2520a00edb3522b565640658",
        "91abefa233432a2b92a82e0cb40706bd38e48e1ce4165e7a16584a6ec1dd8ed0",
        "330f37acc631d278f21d63ed2dd6857d40ced7ca203b258f4d4e65527d1cc645",
        "e75f0b5bd3047ff6475a8073ca43e995b3024dc0c3036222ea9c9613b1130212",
        "5e902c3fd5c7325c119215b888c56c14d42f9b4eb9e72eb0e33b69e8a1f23d73",
    ),
    "Scott+Renshaw": (
        "c1b0b7b80fa4161053fee1125e7fb7bfba987fcfa08a8ab525504eff4c988cec",
        "cbe4f07da184e0c68a1051503c91c2474bb23c8d6b433e57d99dc2a8ae43760c",
        "baebc32f2c21ce9247e5ba6c7f59c8fb5f381fc48a9a1e2146d8d95a84ce377c",
        "2044fe4964d2a1201c9aa76f5729c213f5a876b76288bf708f7c9d78672367ee",
        "689d7e036d0fc77b220b5cd36db9ef70a9da8d43167aef0e6a34bfaabc5c00fc",
    ),
    "Steve+Rhodes": (
        "33ef24625d183f6f9ecf03f356e055e9ff998ac7773f48939a364e9900bbf10a",
        "bbbe28efbe998827cfe2737a25d19977091a2deea141461eb8e241ce6f5bc03d",
        "21a7753c10cb71def6461f13a89f8f2c28920848333987fe6175f1e6ed3e4732",
        "c5d98f32b6558a63100136e947039541565b4274e8509b9b5aaa4bba1a9f9411",
        "160fa461df139b36a687a3d08d6abaf871ff271b331ad315cc2ab89cd48436d4",
    ),
}
CORNELL = {
    f"scaledata/{author}/{kind.format(author)}": digest
    for author, sums in CORNELL_SUMS.items()
    for kind, digest in zip(CORNELL_KINDS, sums, strict=True)
}

MNIST = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
