# make run   安澜市演示看板（首次约两分钟：建环境、造数据、导入、构建）
# make test  全部测试，含真实浏览器
# make check 代码风格与类型，提交前钩子与 CI 相同
# make spark 另装 Spark（480 MB），之后 make test 也核对集群上的统计表；见 docs/scaling.md
# make bench 基准测试，结果写入 BENCHMARKS.md 所列命令
# make bundle 离线安装包（x86_64、aarch64 各一个），写入 dist/；make wheels 只核对各平台的软件包是否齐全
# Paths are relative throughout, so the folder may contain spaces and Chinese characters.

PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
endif
export PYTHONUTF8 := 1
unexport PYTHONDONTWRITEBYTECODE  # every command would compile all it imports again

.PHONY: run test check spark bench bundle wheels clean lock

run: .venv/ready-run
	@[ -f "$${YANPAN_HOME:-var}/marts/CURRENT" ] || { \
	  "$(BIN)/python" -m pipelines.cli demo && \
	  "$(BIN)/python" -m pipelines.cli ingest "$${YANPAN_HOME:-var}/demo" && \
	  "$(BIN)/python" -m pipelines.cli build && \
	  "$(BIN)/python" -m pipelines.cli demo --casework; }
	@"$(BIN)/python" -m pipelines.cli serve --port $(PORT)

test: .venv/ready-dev
	"$(BIN)/python" -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

check: .venv/ready-dev
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"

spark: .venv/ready-spark

bench: .venv/ready-dev
	"$(BIN)/python" -m bench

bundle: .venv/ready-run
	"$(BIN)/python" deploy/bundle.py

wheels: .venv/ready-dev
	"$(BIN)/python" deploy/bundle.py --check

# --no-compile: Python compiles what it imports when it first does, and keeps it; most of what is installed it never reads.
.venv/ready-run: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("需要 Python 3.11 或更高版本，当前是 " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/ready-dev: .venv/ready-run requirements-dev.lock
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

.venv/ready-spark: .venv/ready-dev requirements-spark.lock
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-spark.lock
	@touch $@

lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml -o requirements.lock --custom-compile-command 'make lock' -q
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock --custom-compile-command 'make lock' -q
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 pyproject.toml --extra spark -c requirements-dev.lock -o requirements-spark.lock --custom-compile-command 'make lock' -q

clean:
	rm -rf .venv var .pytest_cache .ruff_cache
