# make run    start the service on http://127.0.0.1:8080, its data in ./data
# make test   all tests, under the race detector
# make fuzz   every fuzz target for FUZZTIME (5s)
# make check  format, vet, staticcheck, known vulnerabilities, the tests, the fuzz targets: what CI runs

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
IMAGE ?= statusd

.PHONY: run test fuzz check lint vuln bench build image tools

run: export STATUSD_LOG_FORMAT ?= console
run: build
	@exec bin/statusd

# The tests run against a DynamoDB server, and in a browser.
test: tools
	go test -race -timeout 5m ./...
	cd python && PYTHONDONTWRITEBYTECODE=1 python3 -m unittest

fuzz: export FUZZTIME ?= 5s
fuzz:
	@.ci/fuzz

check: lint test fuzz

lint: vuln
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

# A vulnerability fails; a database of them that can't be reached, as on a
# machine without the internet, does not. The program is installed because
# go run would hide its exit code: 3 is a finding.
vuln:
	@GOBIN='$(CURDIR)/.tools' go install $(GOVULNCHECK)
	@out=$$(.tools/govulncheck ./... 2>&1) && code=0 || code=$$?; \
	printf '%s\n' "$$out"; \
	case "$$code $$out" in \
	0*) ;; \
	1*"fetching vulnerabilities: "*) \
		echo "known vulnerabilities NOT checked: their database can't be reached from here" ;; \
	*) exit 1 ;; \
	esac

bench: tools
	go run ./internal/bench

build:
	CGO_ENABLED=0 go build -trimpath -o bin/statusd ./cmd/statusd

image:
	docker build --build-arg VERSION="$$(git describe --tags --always --dirty)" -t $(IMAGE) .

# Nothing to fetch if the tests are given a server, or a binary of one.
tools:
	@[ -n "$$STATUSD_TEST_DYNAMODB_ENDPOINT$$STATUSD_TEST_DYNOXIDE" ] || sh internal/dynamotest/fetch.sh
	@sh internal/oidctest/fetch.sh
	@sh internal/web/chromium.sh
	@sh python/python.sh
