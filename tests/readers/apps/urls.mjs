// What WHATWG's URL parser makes of targets: one JSON text in a line, and one path or null back.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  let path = null;
  try {
    path = new URL(JSON.parse(line), "http://base").pathname;
  } catch {
    // Not a URL: an app has no path to go by.
  }
  console.log(JSON.stringify(path));
}
