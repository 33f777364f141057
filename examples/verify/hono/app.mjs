import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const keys = createRemoteJWKSet(new URL(process.env.ASSERTION_JWKS), {
  cooldownDuration: 10_000,
  cacheMaxAge: 300_000,
});

const expected = {
  issuer: process.env.ASSERTION_ISSUER,
  audience: process.env.ASSERTION_AUDIENCE,
  algorithms: ['ES256'],
  typ: 'gatepost+jwt',
  requiredClaims: ['exp', 'nbf', 'iat', 'user'],
  clockTolerance: 10,
};
if (!expected.issuer || !expected.audience) throw new Error('set ASSERTION_ISSUER and ASSERTION_AUDIENCE');

async function verifyAssertion(c, next) {
  try {
    const assertion = c.req.header('Gatepost-Assertion') ?? '';
    c.set('identity', (await jwtVerify(assertion, keys, expected)).payload);
  } catch (error) {
    // Any other error means that the keys could not be fetched.
    const status = error instanceof errors.JOSEError ? 401 : 503;
    return c.text('No valid identity assertion.\n', status);
  }
  return next();
}

const app = new Hono();
app.use(verifyAssertion);

app.get('/', (c) => {
  const { user, groups } = c.get('identity');
  return c.json({ user, groups });
});

serve({
  fetch: app.fetch,
  port: Number(process.env.PORT ?? 3000),
  hostname: process.env.HOST ?? '127.0.0.1',
});
