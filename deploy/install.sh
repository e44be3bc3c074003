#!/bin/sh
# 离线安装：sh install.sh [目录，默认 /opt/yanpan]。不访问任何网络；已有的安装会被更新，数据目录不动。
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-/opt/yanpan}
python=$(command -v "python@PYTHON@" || true)
if [ -z "$python" ]; then
  echo "没有找到 python@PYTHON@。请先用系统安装盘装好它（含 venv 模块），或换用与本机 Python 版本相符的安装包。" >&2
  exit 3
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null || {
  echo "这个 Python 没有 venv 或 ensurepip 模块。请装上 python@PYTHON@-venv（或同名软件包）后再试。" >&2
  exit 3
}
(cd "$here" && sha256sum --quiet -c SHA256SUMS) || { echo "安装包不完整，请重新拷贝。" >&2; exit 3; }
mkdir -p "$target"
# The program's own files are replaced as a whole: none of the release before stays.
rm -rf "$target/yanpan.new" "$target/yanpan.old"
cp -R "$here/yanpan" "$target/yanpan.new"
[ -x "$target/venv/bin/python" ] && "$target/venv/bin/python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "@PYTHON@")' \
  || { rm -rf "$target/venv"; "$python" -m venv "$target/venv"; }
pip="$target/venv/bin/python -m pip --disable-pip-version-check --no-input"
$pip install --quiet --no-index --find-links "$here/wheels" --no-deps --require-hashes -r "$here/requirements.txt"
[ -d "$target/yanpan" ] && mv "$target/yanpan" "$target/yanpan.old"
mv "$target/yanpan.new" "$target/yanpan"
$pip install --quiet --no-index --no-deps --no-build-isolation -e "$target/yanpan"
rm -rf "$target/yanpan.old"
"$target/venv/bin/python" -m compileall -q "$target/yanpan/app" "$target/yanpan/pipelines"
echo "已安装到 $target。下一步：$target/venv/bin/yanpan doctor --home 数据目录；说明见 $target/yanpan/docs/offline-install.md"
