import express from 'express';
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

async function verifyAssertion(req, res, next) {
  try {
    const assertion = req.get('Gatepost-Assertion') ?? '';
    req.identity = (await jwtVerify(assertion, keys, expected)).payload;
  } catch (error) {
    // Any other error means that the keys could not be fetched.
    const status = error instanceof errors.JOSEError ? 401 : 503;
    res.status(status).type('text').send('No valid identity assertion.\n');
    return;
  }
  next();
}

const app = express();
app.use(verifyAssertion);

app.get('/', (req, res) => {
  res.json({ user: req.identity.user, groups: req.identity.groups });
});

app.listen(process.env.PORT ?? 3000, process.env.HOST ?? '127.0.0.1');
