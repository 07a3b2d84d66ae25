"""Where a dataset lies and how its files are read: folders, archives, CSV, JSON, Parquet, hub.

Heavy libraries are imported inside the function that needs them. Paths that come from data never
leave the folder they were named under.
"""

import csv
import gzip
import hashlib
import json
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any

import platformdirs

from registry.benchmark import Content, Dataset, Image, Sample
from registry.errors import DatasetError, MissingExtra

ANOTHER = "Name other files with: --data NAME=DIR"


def podium_home() -> Path:
    """Return the folder for what Podium keeps (`PODIUM_HOME`, else the user's data folder)."""
    return Path(os.environ.get("PODIUM_HOME") or platformdirs.user_data_dir("podium"))


def locate(benchmark: str, dataset: Dataset, data: Path | None, *, sample: bool) -> Path | None:
    """Return the folder to read: the user's, the offline sample, or a download from the hub.

    Returns None for a generated dataset. Raises DatasetError where there is nothing to read.
    """
    if not dataset.needs_files:
        if data is not None:
            raise DatasetError(
                f"{benchmark} makes its questions itself and reads no files. "
                f"Leave out: --data {benchmark}={data}"
            )
        return None
    if sample:
        if dataset.sample is None:
            raise DatasetError(
                f"{benchmark} has no offline sample. Name its files with: --data {benchmark}=DIR"
            )
        return dataset.sample
    if data is not None:
        return unpacked(checked(benchmark, dataset, data))
    if dataset.hub:
        return downloaded(dataset)
    raise DatasetError(
        f"{benchmark} is on no hub; it needs {dataset.layout or 'its files'}. "
        f"Name them with: --data {benchmark}=DIR, or try the offline sample with: --sample"
    )


def checked(benchmark: str, dataset: Dataset, path: Path) -> Path:
    """Return the path if there is anything in it. Raises DatasetError where not."""
    wanted = f"; looked for {dataset.layout}" if dataset.layout else ""
    if not path.exists():
        raise DatasetError(
            f"{benchmark}: no such data folder: {path}{wanted}. "
            f"Name it with: --data {benchmark}=DIR"
        )
    if path.is_dir() and not any(path.iterdir()):
        raise DatasetError(
            f"{benchmark}: the data folder {path} is empty{wanted}. "
            f"Name another with: --data {benchmark}=DIR"
        )
    return path


def unpacked(path: Path) -> Path:
    """Return the folder itself, or that of a tar archive unpacked once under `PODIUM_HOME`."""
    if path.is_dir():
        return path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    target = podium_home() / "data" / digest
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(dir=target.parent, prefix=f"{digest}."))
        try:
            _extract(path, partial)
            if not target.exists():  # another process may have been faster
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _extract(path: Path, folder: Path) -> None:
    """Unpack an archive, of which no member may lead out of the folder."""
    try:
        if not tarfile.is_tarfile(path):
            raise tarfile.ReadError("it is no archive")
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise DatasetError(
            f"{path} is refused, it would write outside its folder: {error}. "
            "Look at it with: tar --list --verbose --file FILE"
        ) from error
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise DatasetError(
            f"{path} is neither a folder nor a whole tar archive: {error}. "
            "Name a folder with: --data NAME=DIR"
        ) from error


def downloaded(dataset: Dataset) -> Path:
    """Return the local snapshot of the dataset's hub repository at its pinned revision."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingExtra(f"downloading {dataset.hub}", "hub") from error
    try:
        return Path(
            snapshot_download(
                dataset.hub,
                repo_type="dataset",
                revision=dataset.revision,
                allow_patterns=list(dataset.files) or None,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DatasetError(
            f"{dataset.hub} at {dataset.revision[:12]} cannot be downloaded: {error}. "
            f"Name local files with: --data {dataset.name}=DIR, or use: --sample"
        ) from error


def inside(root: Path, relative: str) -> Path:
    """Return the path that data names under `root`. Raises DatasetError if it leads out of it."""
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise DatasetError(
            f"{root}: the data names a path outside its folder: {relative!r}. {ANOTHER}"
        )
    return path


def open_text(path: Path) -> IO[str]:
    """Open a text file, gzipped or not, as UTF-8 with or without a byte-order mark."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a text file for reading by line. Raises DatasetError where it cannot be read."""
    try:
        with open_text(path) as file:
            yield iter(file)
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}. {ANOTHER}") from error


def _malformed(path: Path, line: int, problem: str) -> DatasetError:
    show = "zcat" if path.suffix == ".gz" else "cat"
    return DatasetError(
        f"{path}, line {line}: {problem}. Look at it with: {show} {path} | sed -n {line}p"
    )


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with its line number; cells stay text, so that "None" is a word.

    Raises DatasetError where the file is no UTF-8 or no CSV.
    """
    with _lines(path) as lines:
        reader = csv.reader(lines)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise _malformed(path, reader.line_num, f"is no CSV: {error}") from error


def csv_records(path: Path) -> Iterator[dict[str, str]]:
    """Yield each row after the header as a mapping from column to cell."""
    rows = csv_rows(path)
    header = next(rows, (0, []))[1]
    for line, row in rows:
        if len(row) != len(header):
            raise _malformed(path, line, f"{len(row)} cells where the header has {len(header)}")
        yield dict(zip(header, row, strict=True))


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield each line's object. Raises DatasetError with the line that is none."""
    with _lines(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _malformed(path, number, f"is no JSON: {error}") from error
            if not isinstance(record, dict):
                raise _malformed(path, number, "is no JSON object")
            yield record


def parquet_rows(path: Path, images: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield each row; filled cells of the `images` columns become references, empty ones None.

    Picture bytes are not kept: an engine reads the one cell that it needs. Raises DatasetError
    where the file is no Parquet.
    """
    import pyarrow
    from pyarrow import parquet

    pictures = set(images)
    start = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=64):
            filled = {
                name: batch.column(name).is_valid().to_pylist()
                for name in batch.schema.names
                if name in pictures
            }
            texts = batch.drop_columns(list(filled)).to_pylist()
            for offset, row in enumerate(texts):
                for name, valid in filled.items():
                    row[name] = Image(str(path), name, start + offset) if valid[offset] else None
                yield row
            start += batch.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise DatasetError(f"{path} is no readable Parquet file: {error}. {ANOTHER}") from error


def sample_hash(samples: Iterable[Sample]) -> str:
    """Return a digest of what is asked and answered; independent of the layout on disk."""
    digest = hashlib.sha256()
    for sample in samples:
        record = [sample.id, _hashable(sample.input), sample.target, list(sample.choices)]
        digest.update(json.dumps(record, ensure_ascii=False).encode())
    return digest.hexdigest()[:16]


def _hashable(content: Content) -> list[str]:
    parts = (content,) if isinstance(content, str) else content
    return [p if isinstance(p, str) else f"<{Path(p.path).name} {p.column} {p.row}>" for p in parts]
