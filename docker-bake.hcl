# docker buildx bake                    both images, for both architectures
# docker buildx bake slim --load --set '*.platform=linux/amd64'     one, into this machine's images
variable "VERSION" { default = "dev" }
variable "REVISION" { default = "" }
variable "IMAGE" { default = "gatepost" }
variable "SOURCE" { default = "" }

group "default" { targets = ["slim", "distroless"] }

target "common" {
  context    = "."
  dockerfile = "Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  labels = {
    "org.opencontainers.image.description" = "An auth gateway for apps that only read header fields"
    "org.opencontainers.image.version"     = VERSION
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.source"      = SOURCE
  }
}

target "slim" {
  inherits = ["common"]
  target   = "slim"
  tags     = ["${IMAGE}:${VERSION}"]
}

target "distroless" {
  inherits = ["common"]
  target   = "distroless"
  tags     = ["${IMAGE}:${VERSION}-distroless"]
}
