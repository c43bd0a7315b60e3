# For the habit of typing make: the work is done by go and by scripts/.
GO ?= go

.PHONY: demo test lab-test check fuzz bench build man clean

demo: ## sweep a small fleet of pretend servers on loopback
	$(GO) run ./cmd/memsweep demo

test: ## every test
	./scripts/test

lab-test: ## the tests that need networks of their own, as root
	./scripts/lab-test

check: ## formatting, vet, staticcheck, architecture rules, go.mod
	./scripts/check

fuzz: ## every fuzz target for FUZZ_TIME (10s)
	./scripts/fuzz

bench: ## every benchmark, then the same sweep by memsweep, zmap and masscan, as root
	$(GO) test -run '^$$' -bench . -benchmem ./...
	./scripts/bench

build: ## dist/memsweep, static
	CGO_ENABLED=0 $(GO) build -trimpath -o dist/memsweep ./cmd/memsweep

man: build ## dist/memsweep.1
	dist/memsweep man >dist/memsweep.1

clean:
	rm -rf dist
