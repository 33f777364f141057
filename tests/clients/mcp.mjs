// The TypeScript SDK's MCP client: signs a person in, calls a tool, and renews its tokens.
//
//   node mcp.mjs URL '{"client_id": "cli"}'
//
// Without a second argument it registers itself.  It writes one JSON object a line: {"open": URL} for
// the person's browser, whose last address it reads from its input, and then {"told": …}.

import { createInterface } from "node:readline/promises";
import { stdin } from "node:process";

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, known] = process.argv.slice(2);
const redirectUrl = "http://127.0.0.1:33418/callback";
const say = (what) => console.log(JSON.stringify(what));
const input = createInterface({ input: stdin });

class Person {
  #client = known ? JSON.parse(known) : undefined;
  #tokens;
  #verifier;

  get redirectUrl() {
    return redirectUrl;
  }

  get clientMetadata() {
    return {
      client_name: "Notes for you",
      redirect_uris: [redirectUrl],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    };
  }

  clientInformation() {
    return this.#client;
  }

  saveClientInformation(client) {
    this.#client = client;
  }

  tokens() {
    return this.#tokens;
  }

  saveTokens(tokens) {
    this.#tokens = tokens;
  }

  redirectToAuthorization(where) {
    say({ open: where.href });
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  codeVerifier() {
    return this.#verifier;
  }
}

async function connect(person) {
  const client = new Client({ name: "test", version: "0" });
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: person });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const arrived = new URL((await input[Symbol.asyncIterator]().next()).value);
    await transport.finishAuth(arrived.searchParams.get("code"));
    return connect(person);
  }
  return client;
}

const person = new Person();
let client = await connect(person);
const { tools } = await client.listTools();
const called = await client.callTool({ name: "read_note", arguments: { note: "7" } });
await client.close();
const first = person.tokens();

// As if it had expired.
person.saveTokens({ ...first, access_token: `${first.access_token.slice(0, -1)}x` });
client = await connect(person);
const again = await client.callTool({ name: "read_note", arguments: { note: "7" } });
await client.close();
say({
  told: {
    tools: tools.map((tool) => tool.name),
    called: called.content[0].text,
    again: again.content[0].text,
    renewed: person.tokens().access_token !== first.access_token,
    client_id: person.clientInformation().client_id,
  },
});
process.exit(0);
