# The commands a person needs; `make help` lists them.
.DEFAULT_GOAL := help
CARGO ?= cargo
PROFILE := --release --locked

.PHONY: help run test check build foreign truth reconcile bench bench-inputs bench-join bench-micro bench-tables profile fuzz faults stores sinks schedule assemble deny clean report pages dist wheel python spark

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the program, target/release/vtr (cold: some minutes, see the README)
	$(CARGO) build $(PROFILE)

run: build ## build, then judge the sample history by jobs/weekly.toml and show the accounts' health
	target/release/vtr run jobs/weekly.toml
	target/release/vtr health out/weekly --limit 1 --today 2025-05-31

report: build ## the page of the sample history, out/report.html
	target/release/vtr run jobs/weekly.toml
	target/release/vtr report out/weekly -o out/report.html

test: ## every test (the same build profile as `make run`, so nothing is compiled twice)
	$(CARGO) test $(PROFILE) --workspace --exclude vtr-python --no-fail-fast

check: ## formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(PROFILE) --workspace --all-targets -- -D warnings

pages: build ## the sample's pages in Chromium: axe-core light and dark, phone, paper, own policy, style blocked (SHOTS=DIR)
	tests/pages/run.sh

foreign: build ## DuckDB, pyarrow and the clients of OpenLineage and Prometheus, from pip, read what we write
	tests/foreign/run.sh
	ROWS=200000 tests/foreign/truth.sh

truth: build ## a generated history of ROWS (10000000) rows against its known truth, compared by DuckDB
	tests/foreign/truth.sh

reconcile: ## reports of Amazon made from SEEDS (200) generated histories, seeds from FROM (1): figures agree, planted causes are found
	RECONCILE_SEEDS=$(or $(SEEDS),200) RECONCILE_FROM=$(or $(FROM),1) $(CARGO) test $(PROFILE) --package vtr --test app reconcile

fuzz: ## each fuzz target for SECONDS (60), needs cargo-fuzz; says how often each ran
	tests/fuzz/run.sh $(or $(SECONDS),60)

bench: build ## beside DuckDB, Polars, chDB and DataFusion: wall, CPU, memory, cells compared (ROWS, REPEAT, JOBS, PEERS)
	tests/bench/run.sh

bench-inputs: build ## one history in the forms that files really have, beside the standard one (ROWS, REPEAT, ONLY)
	tests/bench/inputs.sh

bench-join: build ## packages, orders and events joined by vtr, DuckDB and Polars: CPU, memory, temporary bytes (ROWS, MEMORY, PEERS)
	python3 tests/bench/join.py

bench-micro: ## Criterion: judging a number, the CSV reader, the fold (BENCH=judge alone builds quickly)
	tests/bench/micro.sh

bench-tables: build ## what each table costs the default run, processor seconds with and without it (ROWS, TIMES)
	python3 -B tests/bench/tables.py target/release/vtr $(or $(ROWS),200000) $(or $(TIMES),5)

profile: ## where one thread's time goes in the whole ladder, by module and function (perf, else valgrind)
	tests/bench/profile.sh

faults: build ## kills, refusals, full disks, power loss, races and signals against the program (wants strace and root)
	tests/faults/run.sh

stores: build ## S3 and Azure servers of this machine, from pip and npm: inputs and output there
	tests/stores/run.sh

sinks: build ## PostgreSQL of this machine (from Debian if it lacks), psycopg, DuckDB, pandas, Polars against the sinks (SINKS=ci: bounded)
	tests/sinks/run.sh

schedule: build ## four simulated Mondays by libfaketime: plain runs beside --full, byte for byte (MONDAYS)
	tests/schedule/run.sh

wheel: ## the Python package for this machine, into target/wheels (maturin from pip)
	[ -x target/maturin/bin/maturin ] || { python3 -m venv target/maturin && target/maturin/bin/pip install --quiet 'maturin>=1.9,<2'; }
	target/maturin/bin/maturin build $(PROFILE) --interpreter python3

python: ## the wheel in a fresh environment: pytest with pyarrow, polars, pandas, DuckDB; docs/python.md; the sources' archive
	tests/python/run.sh

spark: ## the wheel on Spark 3.5 and 4: two worker processes without it, byte for byte against `vtr run` (SPARK=ci: fewer rows; SPARKS, ROWS)
	tests/spark/run.sh

dist: ## what is installed without a compiler, into target/dist: archive, .deb, wheel, checksums, each tried (DIST=ci packs what is built)
	$(if $(DIST),$(MAKE) build)
	tests/dist/run.sh

assemble: build ## generated worlds of raw files (WORLDS=1000) joined by the program and by a naive reference, cell for cell
	tests/assemble/run.sh

deny: ## licences, bans and sources of all dependencies (needs cargo-deny)
	$(CARGO) deny check bans licenses sources

clean: ## remove what was built and published
	$(CARGO) clean
	rm -rf out
