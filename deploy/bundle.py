"""Everything a machine without a package registry needs, in one archive: `python deploy/bundle.py --arch aarch64`.

    yanpan-0.1.0-linux-aarch64-py3.11/
        install.sh            makes a virtual environment and installs, without any network
        yanpan/               the program, as it is tracked here (tests and benchmarks left out)
        wheels/               every locked package for this platform, looked at against the hashes of requirements.lock
        requirements.txt      what to install, with hashes
        SHA256SUMS

`--check` only asks whether every locked package has a wheel for the platform; nothing is fetched. Needs pip (and uv for
--check). Made on any machine for any platform; glibc 2.28 or newer there (麒麟 V10 SP1, 统信 1050, openEuler 20.03, Debian 10).
"""

import argparse
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.12", "3.13")
GLIBC = 28  # 2.28
LEFT_OUT = ("tests/", "bench/", ".ci/", ".pre-commit-config.yaml", "requirements-dev.lock", ".gitignore")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", choices=ARCHITECTURES, action="append", help="default: both")
    parser.add_argument("--python", choices=PYTHONS, action="append", help="default: 3.11")
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements.lock")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    every = PYTHONS if chosen.check else PYTHONS[:1]
    for arch in chosen.arch or ARCHITECTURES:
        for python in chosen.python or every:
            if chosen.check:
                check(chosen.lock, arch, python)
            else:
                print(make(chosen.lock, arch, python, chosen.out), flush=True)
    return 0


def check(lock: Path, arch: str, python: str) -> None:
    """Resolves the lock for a platform, built distributions alone; ends the program where one is missing."""
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(
            [uv, "pip", "install", "--dry-run", "--no-build", "--no-deps", "--require-hashes", "--quiet",
             "--python-platform", f"{arch}-manylinux_2_{GLIBC}", "--python-version", python,
             "--target", nowhere, "-r", lock],
            check=False, capture_output=True, encoding="utf-8",
        )  # fmt: skip
    n = len(list(needed(lock, arch, python)))
    if done.returncode:
        sys.exit(f"{arch} Python {python}：缺 wheel。\n{done.stderr}")
    print(f"{arch} Python {python}：{n} 个软件包都有 glibc 2.{GLIBC} 的 wheel。", flush=True)


def make(lock: Path, arch: str, python: str, out: Path) -> Path:
    """The archive for one platform; returns its path."""
    name = f"yanpan-{_version()}-linux-{arch}-py{python}"
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}.tar"
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        folder = Path(scratch)
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(needed(lock, arch, python)), encoding="utf-8")
        _download(requirements, arch, python, folder / "wheels")
        files = {f"wheels/{path.name}": path.read_bytes() for path in sorted((folder / "wheels").iterdir())}
        files["requirements.txt"] = requirements.read_bytes()
        files["install.sh"] = (ROOT / "deploy" / "install.sh").read_bytes().replace(b"@PYTHON@", python.encode())
        files |= {f"yanpan/{path}": (ROOT / path).read_bytes() for path in tracked()}
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items())
        files["SHA256SUMS"] = sums.encode()
        pending = folder / target.name
        with tarfile.open(pending, "w") as archive:  # wheels are compressed already
            for path, content in files.items():
                about = tarfile.TarInfo(f"{name}/{path}")
                about.size, about.mode = len(content), 0o755 if path.endswith(".sh") else 0o644
                archive.addfile(about, io.BytesIO(content))
        pending.replace(target)
    return target


def needed(lock: Path, arch: str, python: str) -> Iterator[str]:
    """The locked requirements that hold on a platform, each with its hashes. (pip judges markers by the machine it runs on.)"""
    there = {
        "python_version": python, "python_full_version": f"{python}.0", "platform_machine": arch, "sys_platform": "linux",
        "os_name": "posix", "platform_system": "Linux", "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }  # fmt: skip
    for block in re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*\n", lock.read_text(encoding="utf-8"), re.M):
        head, _, hashes = block.partition("\n")
        requirement = Requirement(head.rstrip(" \\"))
        if requirement.marker is None or requirement.marker.evaluate(there):
            kept = "\n".join(line for line in hashes.splitlines() if "--hash" in line).rstrip(" \\")
            yield f"{requirement.name}{requirement.specifier} \\\n{kept}\n"


def _download(requirements: Path, arch: str, python: str, folder: Path) -> None:
    tags = [f"manylinux_2_{minor}_{arch}" for minor in range(GLIBC, 4, -1)]
    tags += [f"manylinux{year}_{arch}" for year in (2014, 2010, 1)]
    platforms = [word for tag in tags for word in ("--platform", tag)]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:",
         "--no-deps", "--require-hashes", "--python-version", python, "--implementation", "cp",
         "--abi", f"cp{python.replace('.', '')}", "--abi", "abi3", "--abi", "none", *platforms,
         "-d", folder, "-r", requirements],
        check=True,
    )  # fmt: skip


def tracked() -> list[str]:
    """The program's own files: what is tracked, and is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    ).stdout
    return sorted(
        path for path in listed.split("\0") if path and not path.startswith(LEFT_OUT) and (ROOT / path).is_file()
    )


def _version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


if __name__ == "__main__":
    sys.exit(main())
