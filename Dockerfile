# syntax=docker/dockerfile:1

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/statusd ./cmd/statusd && mkdir /out/data

# Nothing but the program, and the certificates by which it trusts DynamoDB.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/statusd /usr/local/bin/statusd
# A new volume takes over the owner of the directory that it is mounted on.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# SQLite puts its temporary files here: an image from scratch has no /tmp.
WORKDIR /data
VOLUME /data
# It starts when it is told who may come, or STATUSD_AUTH=none.
ENV STATUSD_ADDR=0.0.0.0:8080 STATUSD_DATA=/data/statusd.db
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["/usr/local/bin/statusd", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/statusd"]
