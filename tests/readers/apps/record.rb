# What the apps in Ruby share: see record.py.
# Not just "digest": that loads SHA256 when it is first used, which two threads may do at once.
require "digest/sha2"
require "json"

DIRECTORY = ENV.fetch("READER_DIRECTORY")

def text(bytes)
  bytes.dup.force_encoding("ISO-8859-1").encode("UTF-8")
end

def note(method, target, paths, fields)
  seen = {
    method: method, target: text(target), paths: paths.map { |path| text(path) },
    fields: fields.map { |name, value| [text(name), text(value)] }
  }
  File.open(File.join(DIRECTORY, "seen"), "a") { |log| log.write(JSON.generate(seen) + "\n") }
  seen
end

def held?(target)
  path, name = target.split("?", 2)
  path.end_with?("/hold") && !File.exist?(File.join(DIRECTORY, name))
end

def answer(seen, body)
  JSON.generate(seen.merge(length: body.bytesize, digest: Digest::SHA256.hexdigest(body)))
end
