# The two commands of the README are `make demo` and `make test`; both set everything up first.

export ORT_DYLIB_PATH := $(CURDIR)/.deps/onnxruntime/libonnxruntime.so
PYTHON := .deps/venv/bin/python
BIN := target/release/framegate
DEMO := $(BIN) --log warn,framegate::camera=error demo --clip .deps/clips/vtest.avi --clip .deps/clips/bikes.mp4

KAFKA ?= embedded
DEMO_ON_real := scripts/demo-kafka
ifeq ($(filter $(KAFKA),embedded real),)
$(error KAFKA is $(KAFKA); it can be embedded or real)
endif

.DEFAULT_GOAL := help
.PHONY: help demo picture test check unit black-box prove-main prove-doors prove-kafka prove-elastic prove-fast prove-gpu loadtest growth compare variants docs bench bench-baseline bench-instructions build failpoints loads setup clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: build ## Play cameras through two real models (DEMO_CAMERAS, DEMO_FPS, DEMO_SECONDS; KAFKA=real)
	@$(DEMO_ON_$(KAFKA)) $(DEMO)

test: ## What CI runs: formatting, lints, docs and all tests
test: check unit black-box

check: setup
	scripts/lint

unit: setup
	cargo test --release --workspace --locked

black-box: failpoints loads
	$(PYTHON) -m pytest tests -m "not slow" -q

prove-main: build ## Check what the main job promises, item by item
	$(PYTHON) -m pytest tests --prove main -q

prove-doors: build ## Check what the finished doors promise, item by item
	$(PYTHON) -m pytest tests --prove doors -q

prove-kafka: failpoints ## Check what is promised of Kafka, item by item, on Apache Kafka (an hour)
	$(PYTHON) -m pytest tests --prove kafka -q

prove-elastic: failpoints ## Check what is promised of pools that grow and shrink, item by item (an hour)
	$(PYTHON) -m pytest tests --prove elastic -q

prove-gpu: failpoints ## Check what holds of GPUs on a machine without one, item by item (ONNX Runtime's providers: 260 MB)
	@scripts/setup onnxruntime-gpu
	$(PYTHON) -m pytest tests --prove gpu -q

prove-fast: build loads ## Check the speed against a bare echo and a loop without a server (15 minutes)
	$(PYTHON) -m pytest tests --prove fast -q

loadtest: build loads ## Load a gateway of its own with ghz and with bursts of 150 requests (LOADTEST_SECONDS)
	loadtest/run $(LOADTEST_SECONDS)

growth: build loads ## Measure how costs grow with pools, replicas, cameras and requests in flight (GROWTH, 15 minutes)
	$(PYTHON) loadtest/growth $(GROWTH)

compare: build loads ## Compare with four other model servers on the same machine (COMPARE, 35 minutes)
	@scripts/setup peers
	$(PYTHON) loadtest/compare $(COMPARE)

variants: setup ## Make int8 and fp16 variants of the three models, and print what they gain and cost (5 minutes)
	@models/variants/measure

docs: build ## Write the generated pages: docs/policy.md, errors.md, metrics.md, the policy's schema, the dashboard
	@$(BIN) docs .
	@scripts/dashboard

# A run is compared with the last one that was saved under the same name, if there is one.
BASELINE ?= saved
TIMES := cargo bench --workspace --locked --bench times -- --noplot --warm-up-time 1 --measurement-time 3

bench: setup ## Measure the hot parts, and compare them with the last saved baseline (BASELINE)
	$(TIMES) --baseline-lenient $(BASELINE)

bench-baseline: setup ## Measure the hot parts, and save that as the baseline (BASELINE)
	$(TIMES) --save-baseline $(BASELINE)

bench-instructions: setup ## Count the instructions of the hot parts, which no noise changes
	@scripts/setup gungraun
	GUNGRAUN_RUNNER=$(CURDIR)/.deps/bin/gungraun-runner cargo bench --workspace --locked --bench instructions -- \
	  --callgrind-metrics=ir --callgrind-args=--cache-sim=no

picture: build ## Make docs/top.svg anew, from a demo of 40 s
	$(PYTHON) scripts/picture $(BIN) docs/top.svg

build: setup
	cargo build --release --locked --bin framegate

# It shares all that is built but two crates with the released binary, whose place it takes for a moment.
failpoints: setup ## Build the binary that tests make fail, which has all features, and then the released one
	cargo build --release --locked --bin framegate --features failpoints,cuda,tensorrt
	install -D $(BIN) target/failpoints/framegate
	cargo build --release --locked --bin framegate

# What load is made with, and what it is compared with.
loads: setup
	cargo build --release --locked -p framegate-loadtest

setup: ## Fetch and build what .deps/ holds
	@scripts/setup

clean: ## Remove what was built, but not .deps/
	rm -rf target .demo
