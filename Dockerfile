# syntax=docker/dockerfile:1
# Two images from one build: `ingest`, the server, and `publisher`, its simulator and
# replayer. Each holds one static binary and nothing else: no shell, no packages.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What --version says, since .git is not sent to the build: --build-arg REVISION=$(git rev-parse HEAD)
ARG REVISION
# A test in tools/ runs this very line on the machine.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -X ingot/internal/version.revision=$REVISION" -o /out/ ./ingest ./publisher

FROM gcr.io/distroless/static-debian12:nonroot AS publisher
COPY --from=build /out/publisher /publisher
USER 65532:65532
ENTRYPOINT ["/publisher"]

FROM gcr.io/distroless/static-debian12:nonroot AS ingest
COPY --from=build /out/ingest /ingest
USER 65532:65532
ENV INGOT_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["/ingest", "healthcheck"]
ENTRYPOINT ["/ingest"]
