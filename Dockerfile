# docker build --build-arg VERSION="$(git describe --tags --always)" -t memsweep .
# docker run --rm --network host --user "$(id -u):$(id -g)" -v "$PWD:/reports" \
#     memsweep scan 10.20.0.0/16 --format json -o sweep.json
#
# deploy/compose and deploy/kubernetes run it for good, with a history.
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
# Folders for reports, for a history, and for what does not fit into memory.
RUN mkdir -p /out/root/reports /out/root/var/lib/memsweep && mkdir -m 1777 /out/root/tmp

FROM scratch
COPY --from=build /out/memsweep /memsweep
# Whom a webhook's or a mail server's certificate may come from.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/root/ /
WORKDIR /reports
USER 65532:65532
ENTRYPOINT ["/memsweep"]
