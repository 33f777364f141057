// A real, certified OpenID Connect provider for the tests, on a loopback port of its own choosing.
//
//   node server.mjs '{"clients": [...], "ttl": {"AccessToken": 60}, ...}'
//
// Prints one line of JSON, {"issuer": "...", "address": "..."}, when it answers, and ends when its standard input
// does, so that it never outlives the tests. The argument's members:
//   port      number; 0 (default) takes a free one
//   issuer    its public name, if it has another than the address it listens on; may have a path
//   clients   client metadata known from the start; more can be registered (RFC 7591) at any time
//   users     login name -> claims; a login name not listed gets claims made from the name
//   tls       {cert, key, ca}: PEM files; then it serves https, and clients may authenticate with a
//             certificate of that authority (RFC 8705), by its DNS name
//   places    path -> another path whose answer it gives, or null for none (404)
//   delay     path -> milliseconds that its answers take
//   ttl       seconds for AccessToken, IdToken, RefreshToken, Session, ...
//   inside    whether logout tokens go to special-use addresses, such as loopback, too (default);
//             left alone, oidc-provider 9 sends them to none
//   algorithms, features, and any other member: given to oidc-provider as they are
//
// Anyone who reaches it may sign in as anyone: that is what it is for.

import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { generateKeyPairSync, randomBytes } from 'node:crypto';

import Provider from 'oidc-provider';

const {
  port = 0, issuer: named, users = {}, delay = {}, places = {}, ttl = {}, features = {}, tls, ...rest
} = JSON.parse(process.argv[2] ?? '{}');

const { inside = true, ...options } = rest;

// Everything but the one line of JSON belongs to the log.
console.info = console.error;
console.warn = console.error;

function signingKey(kid, alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

const directory = new Map(Object.entries(users));

function claimsOf(login) {
  const known = directory.get(login) ?? {};
  return {
    sub: login,
    email: `${login}@example.com`,
    email_verified: true,
    name: login.charAt(0).toUpperCase() + login.slice(1),
    preferred_username: login,
    groups: [],
    ...known,
  };
}

const lifetimes = {
  AccessToken: 600,
  AuthorizationCode: 60,
  ClientCredentials: 600,
  Grant: 86400,
  IdToken: 600,
  Interaction: 600,
  RefreshToken: 86400,
  Session: 86400,
};

const configuration = {
  jwks: {
    keys: [
      signingKey('rsa-1', 'RS256', 'rsa', { modulusLength: 2048 }),
      signingKey('ec-1', 'ES256', 'ec', { namedCurve: 'P-256' }),
    ],
  },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'preferred_username'],
    groups: ['groups'],
  },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
  pkce: { methods: ['S256'], required: () => true },
  rotateRefreshToken: true,
  clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
  clientAuthMethods: [
    'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none',
    ...(tls === undefined ? [] : ['tls_client_auth']),
  ],
  findAccount: (ctx, login) => ({ accountId: login, claims: () => claimsOf(login) }),
  extraTokenClaims: (ctx, token) => (token.accountId
    ? { groups: claimsOf(token.accountId).groups }
    : undefined),
  // Without the dispatcher that ends connections to such addresses.
  ...(inside ? { fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options) } : {}),
  ...options,
  ttl: { ...lifetimes, ...ttl },
  features: {
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    jwtUserinfo: { enabled: true },
    mTLS: {
      enabled: tls !== undefined,
      tlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate(),
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
        && ctx.socket.getPeerX509Certificate()?.subjectAltName === `DNS:${expected}`,
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    registration: {
      enabled: true,
      // A test may need an identifier of its own, say one with ":" and "@" in it.
      idFactory: (ctx) => ctx.oidc.body.client_id ?? randomBytes(8).toString('hex'),
      secretFactory: (ctx) => ctx.oidc.body.client_secret ?? randomBytes(32).toString('hex'),
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'api:read api:write',
        audience: resource,
        accessTokenFormat: resource.includes('opaque') ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
    ...features,
  },
};

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const mount = named === undefined ? '' : new URL(named).pathname.replace(/\/$/, '');
let answer;
const secure = tls && {
  ...Object.fromEntries(Object.entries(tls).map(([name, file]) => [name, readFileSync(file)])),
  requestCert: true,
  rejectUnauthorized: false,
};
const listen = secure ? (handle) => createTlsServer(secure, handle) : createServer;
const server = listen((request, response) => {
  // PUT /users/{login} changes what the provider says of somebody from now on.
  const [, login] = /^\/users\/([^/]+)$/.exec(request.url) ?? [];
  if (request.method === 'PUT' && login !== undefined) {
    readJson(request).then((claims) => {
      directory.set(decodeURIComponent(login), claims);
      response.writeHead(204).end();
    }, () => response.writeHead(400).end());
    return;
  }
  const path = request.url.split('?')[0];
  if (path in delay) console.error(`asked: ${path}`);
  // oidc-provider takes what was cut off for the path it is mounted at.
  request.originalUrl = request.url;
  if (request.url.startsWith(`${mount}/`)) request.url = request.url.slice(mount.length);
  if (places[path] === null) {
    response.writeHead(404).end();
    return;
  }
  if (places[path] !== undefined) request.url = request.originalUrl = places[path];
  setTimeout(() => answer(request, response), delay[path] ?? 0);
});

server.listen(port, '127.0.0.1', () => {
  const address = `${secure ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  const issuer = named ?? address;
  const provider = new Provider(issuer, configuration);
  provider.on('server_error', (ctx, error) => console.error(error));
  provider.on('grant.success', (ctx) => console.error(`granted: ${ctx.oidc.params.grant_type}`));
  provider.on('grant.revoked', (ctx, grantId) => console.error(`revoked: ${grantId}`));
  provider.on('grant.error', (ctx, error) => console.error(`refused: ${error.message}`));
  answer = provider.callback();
  process.stdout.write(`${JSON.stringify({ issuer, address })}\n`);
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
