// For Node's `http`.
import { createHash } from "node:crypto";
import { appendFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const directory = process.env.READER_DIRECTORY;

function paths(target) {
  const found = [];
  try {
    found.push(new URL(target, "http://base").pathname);
    found.push(decodeURIComponent(found[0]));
  } catch {
    // No URL, or no UTF-8 in it.
  }
  return found;
}

function pairs(raw) {
  return raw.flatMap((name, at) => (at % 2 ? [] : [[name, raw[at + 1]]]));
}

async function answer(request, response) {
  const target = request.url;
  const seen = {
    method: request.method,
    target,
    paths: paths(target),
    fields: [...pairs(request.rawHeaders), ...Object.entries(request.headers)],
  };
  appendFileSync(join(directory, "seen"), JSON.stringify(seen) + "\n");
  const [path, name] = target.split("?");
  const early = path.endsWith("/early");
  while (path.endsWith("/hold") && !existsSync(join(directory, name))) await setTimeout(10);
  const hash = createHash("sha256");
  let length = 0;
  if (!early) {
    for await (const piece of request) {
      hash.update(piece);
      length += piece.length;
    }
  }
  const body = JSON.stringify({ ...seen, length, digest: hash.digest("hex") });
  response.writeHead(early ? 403 : 200, { "content-length": Buffer.byteLength(body) });
  response.end(body);
}

createServer((request, response) => {
  // A client that leaves amid its body.
  answer(request, response).catch(() => response.destroy());
}).listen(Number(process.argv[2]), "127.0.0.1");
