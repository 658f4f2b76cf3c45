import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { AuthenticationError, OAuthApp, OAuthError, type Token } from '@terra-lumina/sdk';
import { refusal, StandIn } from './stand-in.js';

const NOW_MS = 1_763_217_000_000;
const APP = new OAuthApp({ clientId: 'app_1', clientSecret: 'the secret', redirectUri: 'https://yourapp.com/cb' });
const OLD: Token = { accessToken: 'access-0', refreshToken: 'refresh-0', expiresAt: NOW_MS + 3_600_000 };
const REQUEST = { url: '', state: 'the state', codeVerifier: 'the verifier' };

test('the person is sent with a challenge that only we can answer', async () => {
  const request = await APP.authorizationRequest(['read_profile', 'make_investments']);

  const { origin, pathname, searchParams } = new URL(request.url);
  assert.equal(origin + pathname, 'https://terralumina.org/oauth/authorize');
  assert.deepEqual(Object.fromEntries(searchParams), {
    client_id: 'app_1',
    response_type: 'code',
    redirect_uri: 'https://yourapp.com/cb',
    scope: 'read_profile make_investments',
    state: request.state,
    code_challenge: createHash('sha256').update(request.codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  assert.match(request.codeVerifier, /^[A-Za-z0-9_-]{64}$/);
  assert.notEqual(request.state, (await APP.authorizationRequest([])).state);
  assert.doesNotMatch(inspect(APP), /the secret/);
});

test('a code becomes a token that calls carry', async () => {
  const service = new StandIn();
  const kept: Token[] = [];
  const api = service.client({ app: APP, onToken: (token) => void kept.push(token), nowMs: () => NOW_MS });

  const token = await api.oauth.finish('https://yourapp.com/cb?code=the+code&state=the+state', REQUEST);
  await api.portfolio.get();

  assert.deepEqual(Object.fromEntries(new URLSearchParams(service.seen[0]?.body)), {
    grant_type: 'authorization_code',
    code: 'the code',
    redirect_uri: 'https://yourapp.com/cb',
    code_verifier: 'the verifier',
    client_id: 'app_1',
    client_secret: 'the secret',
  });
  assert.deepEqual(kept, [token]);
  assert.equal(token.expiresAt, NOW_MS + 3_600_000);
  assert.equal(service.seen[1]?.headers.get('authorization'), 'Bearer access-1');
});

for (const [query, error] of [
  ['code=c&state=another', 'invalid_state'],
  ['code=c', 'invalid_state'],
  ['error=access_denied&state=the+state', 'access_denied'],
  ['state=the+state', 'invalid_response'],
] as const) {
  test(`who did not consent here is not signed in: ${query}`, () => {
    assert.throws(() => APP.codeOf(`https://yourapp.com/cb?${query}`, REQUEST), { error });
  });
}

test('a token is renewed just before it ends, once for all calls', async () => {
  const service = new StandIn();
  let nowMs = NOW_MS + 3_600_000 - 30_001;
  const api = service.client({ app: APP, token: OLD, nowMs: () => nowMs });
  await api.portfolio.get();
  assert.equal(service.tokens, 0);

  nowMs += 1;
  await Promise.all(Array.from({ length: 8 }, () => api.portfolio.get()));

  assert.equal(service.tokens, 1);
  assert.equal(service.seen.at(-1)?.headers.get('authorization'), 'Bearer access-1');
});

test('a token that was ended early is renewed once for all calls', async () => {
  const service = new StandIn();
  service.tokenEnds = true;
  const api = service.client({ app: APP, token: OLD, nowMs: () => NOW_MS });

  await Promise.all(Array.from({ length: 8 }, () => api.portfolio.get()));

  assert.equal(service.tokens, 1);
  assert.deepEqual(service.slept, []);
});

test('a call whose new token is refused too is given up', async () => {
  const service = new StandIn();
  const issued = { access_token: 'access-1', refresh_token: 'refresh-1', expires_in: 3600 };
  const refused = refusal(401, 'AUTHENTICATION_REQUIRED');
  service.faults.push(refused, { status: 200, body: issued }, refused);

  const call = service.client({ app: APP, token: OLD, nowMs: () => NOW_MS }).portfolio.get();

  await assert.rejects(call, AuthenticationError);
  assert.deepEqual(service.seen.map(({ path }) => path), ['/portfolio', '/oauth/token', '/portfolio']);
});

for (const fault of [{ code: 'ECONNRESET' }, { status: 503 }]) {
  test(`a refresh token is never sent twice: ${inspect(fault)}`, async () => {
    const service = new StandIn();
    service.faults.push(fault);

    await assert.rejects(service.client({ app: APP, token: OLD, nowMs: () => NOW_MS * 2 }).portfolio.get());
    assert.equal(service.seen.length, 1);
  });
}

test('a family that was revoked asks for the person', async () => {
  const service = new StandIn();
  service.faults.push({ status: 400, body: { error: 'invalid_grant', error_description: 'revoked' } });

  await assert.rejects(service.client({ app: APP, token: OLD }).oauth.refresh(), new OAuthError('invalid_grant', 'revoked'));
});

test('revoking ends the whole consent', async () => {
  const service = new StandIn();
  const api = service.client({ app: APP, token: OLD });

  await api.oauth.revoke();

  assert.equal(new URLSearchParams(service.seen[0]?.body).get('token'), 'refresh-0');
  await assert.rejects(api.oauth.revoke(), /nobody has signed in/);
});
