# For Puma.
require_relative "record"
require "uri"

# As Rack has it, as it is decoded, and as a file server finds its way with it.
def paths(path)
  decoded = URI::DEFAULT_PARSER.unescape(path)
  [path, decoded, File.absolute_path(decoded.delete("\0"), "/")]
end

run lambda { |env|
  path, target = env["PATH_INFO"], env["REQUEST_URI"]
  fields = env.select { |name, _| name.start_with?("HTTP_") }
  seen = note(env["REQUEST_METHOD"], target, paths(path), fields)
  early = path.end_with?("/early")
  sleep 0.01 while held?(target)
  body = answer(seen, early ? "" : env["rack.input"].read)
  [early ? 403 : 200, { "content-length" => body.bytesize.to_s }, [body]]
}
