# docker build --build-arg VERSION="$(git describe --tags --always)" -t memsweep .
# docker run --rm --network host --user "$(id -u):$(id -g)" -v "$PWD:/reports" \
#     memsweep scan 10.20.0.0/16 --format json -o sweep.json
#
# --network host keeps Docker's address translation, and its table of
# connections, out of the sweep; --user lets it write into the mounted folder.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/memsweep ./cmd/memsweep
RUN mkdir /out/reports

FROM scratch
COPY --from=build /out/memsweep /memsweep
COPY --from=build --chown=65532:65532 /out/reports /reports
WORKDIR /reports
USER 65532:65532
ENTRYPOINT ["/memsweep"]
