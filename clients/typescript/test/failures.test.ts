import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@terra-lumina/sdk';
import { refusal, StandIn } from './stand-in.js';

const WANT = { projectId: 'prj_sunrise_solar', amount: 500 };
const NOW_MS = Date.UTC(2025, 10, 15, 14, 30);

const CODES = [
  [400, 'INVALID_REQUEST', sdk.InvalidRequestError],
  [401, 'AUTHENTICATION_REQUIRED', sdk.AuthenticationError],
  [403, 'INSUFFICIENT_PERMISSIONS', sdk.PermissionDeniedError],
  [403, 'KYC_REQUIRED', sdk.KycRequiredError],
  [404, 'RESOURCE_NOT_FOUND', sdk.NotFoundError],
  [422, 'VALIDATION_ERROR', sdk.ValidationError],
  [422, 'INVESTMENT_UNAVAILABLE', sdk.InvestmentUnavailableError],
  [400, 'INSUFFICIENT_FUNDS', sdk.InsufficientFundsError],
  [422, 'SOMETHING_NEW', sdk.ValidationError],
  [418, 'SOMETHING_NEW', sdk.ApiError],
] as const;

for (const [status, code, kind] of CODES) {
  test(`${status} ${code} is a ${kind.name} and not tried again`, async () => {
    const service = new StandIn();
    service.faults.push(refusal(status, code));

    await assert.rejects(service.client().investments.create(WANT), (error: sdk.ApiError) => {
      assert.equal(error.constructor, kind);
      assert.equal(error.name, kind.name);
      assert.deepEqual([error.status, error.code, error.message], [status, code, 'why']);
      assert.deepEqual([error.details, error.requestId], [{ paymentSource: 'Must be one' }, 'req_abc123']);
      return true;
    });
    assert.equal(service.seen.length, 1);
  });
}

test('what may have invested is repeated under its own key', async () => {
  const service = new StandIn();
  service.faults.push({ code: 'ECONNRESET' }, { status: 503 });
  const api = service.client();

  await api.investments.create(WANT);
  await api.investments.create(WANT);
  await api.investments.create({ ...WANT, idempotencyKey: 'order 7' });

  const keys = service.seen.map((seen) => seen.headers.get('idempotency-key'));
  assert.equal(new Set(keys.slice(0, 3)).size, 1);
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys.at(-1), 'order 7');
  assert.deepEqual(service.slept, [500, 1000]);
  assert.doesNotMatch(service.seen.at(-1)?.body ?? '', /order 7/);
});

test('pauses double up to a limit and tries end', async () => {
  const service = new StandIn();
  service.faults.push(...Array.from({ length: 9 }, () => ({ status: 500 })));
  const retry = { triesMax: 6, backoffMs: 1_000, backoffMaxMs: 5_000 };

  await assert.rejects(service.client({ retry, random: () => 0.5 }).portfolio.get(), sdk.ServerError);

  assert.deepEqual(service.slept, [500, 1_000, 2_000, 2_500, 2_500]);
});

for (const said of ['7', 'Sat, 15 Nov 2025 14:30:07 GMT']) {
  test(`the service says how long to wait: ${said}`, async () => {
    const service = new StandIn();
    service.faults.push({ status: 503, headers: { 'Retry-After': said } });

    await service.client({ nowMs: () => NOW_MS }).portfolio.get();

    assert.deepEqual(service.slept, [7_000]);
  });
}

for (const said of ['soon', '-5', '1e9']) {
  test(`a pause that nobody understands is our own: ${said}`, async () => {
    const service = new StandIn();
    service.faults.push({ status: 503, headers: { 'Retry-After': said } });

    await service.client().portfolio.get();

    assert.deepEqual(service.slept, [500]);
  });
}

test('over the limit for long is raised at once, for a moment it is waited for', async () => {
  const service = new StandIn();
  service.faults.push(refusal(429, 'RATE_LIMIT_EXCEEDED', { retry_after: 600 }));

  await assert.rejects(service.client().portfolio.get(), (error: sdk.RateLimitError) => {
    assert(error instanceof sdk.RateLimitError);
    assert.equal(error.retryAfter, 600);
    return true;
  });
  assert.deepEqual(service.slept, []);

  service.faults.push(refusal(429, 'RATE_LIMIT_EXCEEDED', { retry_after: 2 }));
  await service.client().user.startKyc({ returnUrl: 'https://yourapp.com' });
  assert.deepEqual(service.slept, [2_000]);
});

test('what may have begun a verification is not tried again, what was never sent is', async () => {
  const service = new StandIn();
  const start = () => service.client().user.startKyc({ returnUrl: 'https://yourapp.com' });
  service.faults.push({ code: 'ECONNRESET' });
  await assert.rejects(start(), sdk.ConnectionFailedError);
  service.faults.push({ status: 503 });
  await assert.rejects(start(), sdk.ServerError);
  service.faults.push({ code: 'ECONNREFUSED' });
  await start();

  assert.equal(service.seen.length, 4);
});

test('a redirect is not followed', async () => {
  const service = new StandIn();
  service.faults.push({ status: 307, headers: { Location: '/v1/user/me' } });

  await assert.rejects(service.client().portfolio.get(), sdk.UnexpectedAnswerError);
  assert.equal(service.seen.length, 1);
});

for (const body of ['', '<html>', '{}', '[]', 'null', '"data"']) {
  test(`what is no answer is said to be none: ${body}`, async () => {
    const service = new StandIn();
    service.faults.push({ status: 200, body });

    await assert.rejects(service.client().portfolio.get(), sdk.UnexpectedAnswerError);
  });
}
