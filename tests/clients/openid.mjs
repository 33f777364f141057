// An app that signs people in at the gateway with openid-client, which is certified.
//
// Each line of standard input is a step, as JSON; each line of standard output is what came of it.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const options = JSON.parse(process.argv[2]);
const proof = {
  basic: () => client.ClientSecretBasic(options.secret),
  post: () => client.ClientSecretPost(options.secret),
  none: () => client.None(),
};

async function proven() {
  if (options.proof !== "key") return proof[options.proof]();
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("jwk", options.jwk, algorithm, false, ["sign"]);
  return client.PrivateKeyJwt(key);
}

const config = await client.discovery(
  new URL(options.issuer),
  options.client_id,
  { id_token_signed_response_alg: options.algorithm },
  await proven(),
  { execute: [client.allowInsecureRequests] },
);
const verifier = client.randomPKCECodeVerifier();
const nonce = client.randomNonce();
const state = client.randomState();
let tokens;

const steps = {
  async begin({ parameters }) {
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: options.redirect_uri,
      scope: options.scope,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      nonce,
      state,
      ...parameters,
    });
    return { url: url.href };
  },
  async finish({ url, changes = {}, max_age }) {
    tokens = await client.authorizationCodeGrant(config, new URL(url), {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
      expectedState: state,
      idTokenExpected: true,
      maxAge: max_age,
      ...changes,
    });
    return { claims: tokens.claims(), id_token: tokens.id_token, scope: tokens.scope };
  },
  async userinfo() {
    return client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  },
  async refresh() {
    const sub = tokens.claims().sub;
    tokens = { claims: () => ({ sub }), ...(await client.refreshTokenGrant(config, tokens.refresh_token)) };
    return { refreshed: true };
  },
  async revoke() {
    await client.tokenRevocation(config, tokens.refresh_token);
    return {};
  },
  async leave({ parameters }) {
    const url = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, ...parameters });
    return { url: url.href };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...given } = JSON.parse(line);
  let outcome;
  try {
    outcome = await steps[step](given);
  } catch (error) {
    outcome = { error: error.error ?? error.code ?? error.name, message: `${error.message}: ${error.cause?.message ?? ""}` };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
