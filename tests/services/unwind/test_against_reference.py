"""Walks of real dumps without symbols against those of rust-minidump, up to its first guess."""

import csv
import gzip
import json

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report

GUESS = "scan"
LEAST = 400  # frames that are compared


def test_each_frame_of_theirs_before_their_first_guess_is_ours_too(corpus):
    """Generated code without a map of memory, and both functions that start a thread of 32-bit
    Windows, among them.
    """
    folder = corpus / "reference-walks"
    manifest = (folder / "MANIFEST.tsv").read_text(encoding="utf-8")
    compared, missing = 0, []
    for row in csv.DictReader(manifest.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["result"] != "ok" or row["sym_files_used"] != "0":
            continue
        name = row["dump"].replace("/", "__") + ".json.gz"
        reference = json.loads(gzip.decompress((folder / name).read_bytes()))
        path = str(corpus / row["dump"])
        report = read_report(path, path, InspectOptions(all_threads=True))
        for ours, theirs in zip(report.threads, reference["threads"], strict=True):
            own = {frame.instruction for frame in ours.frames}
            for frame in theirs["frames"]:
                if frame["trust"] == GUESS:
                    break
                compared += 1
                if int(frame["offset"], 16) not in own:
                    missing.append((row["dump"], theirs["thread_id"], frame["frame"]))

    assert not missing, missing
    assert compared > LEAST
