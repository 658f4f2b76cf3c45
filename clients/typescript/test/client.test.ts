import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TerraLumina, UnexpectedAnswerError } from '@terra-lumina/sdk';
import { BASE_URL, SECOND_PAGE, StandIn } from './stand-in.js';

test('an awaited list is its first page', async () => {
  const service = new StandIn();

  const projects = await service.client().projects.list({ technology: 'solar', country: 'US', minReturn: 7.5 });

  assert.equal(projects.length, 1);
  assert.deepEqual(projects.pagination, { nextCursor: SECOND_PAGE, hasMore: true, total: 1247 });
  assert.deepEqual([...projects].map((one) => one.name), ['Sunrise Solar Farm - Nevada']);
  assert.equal(projects.data[0]?.financial.fundingPercentage, 72);
  assert.equal(projects.data[0]?.impact.co2AvoidedTonsAnnual, 85_000);
  assert.deepEqual(service.seen[0]?.query, { technology: 'solar', country: 'US', min_return: '7.5' });
});

test('a walk fetches each page when it is needed, and a list that nobody asks for none', async () => {
  const service = new StandIn();
  const list = service.client().projects.list({ limit: 1 });
  assert.equal(service.seen.length, 0);

  const requests: number[] = [];
  for await (const _ of list) requests.push(service.seen.length);

  assert.deepEqual(requests, [1, 2]);
  assert.deepEqual(service.seen[1]?.query, { limit: '1', cursor: SECOND_PAGE });
});

test('a list that leads back to where it was ends', async () => {
  const service = new StandIn();
  const body = { data: [], pagination: { next_cursor: 'again', has_more: true, total: 1 } };
  service.faults.push({ status: 200, body }, { status: 200, body }, { status: 200, body });

  await assert.rejects(async () => {
    for await (const _ of service.client().investments.list());
  }, UnexpectedAnswerError);
  assert.equal(service.seen.length, 2);
});

test('an investment needs a project and an amount alone', async () => {
  const service = new StandIn();

  const made = await service.client().investments.create({ projectId: 'prj_sunrise_solar', amount: 500.0 });

  assert.deepEqual(JSON.parse(service.seen[0]?.body ?? ''), {
    project_id: 'prj_sunrise_solar',
    amount: 500,
    payment_method: 'stripe',
  });
  assert.equal(made.paymentClientSecret, 'pi_abc123_secret_xyz');
  assert.equal(made.nextAction?.redirectUrl, 'https://checkout.stripe.com/...');
});

test('every other answer of the document is read', async () => {
  const api = new StandIn().client();

  assert.equal((await api.projects.get('prj_sunrise_solar')).ratingBreakdown?.values, 4.9);
  assert.equal((await api.projects.get('prj_sunrise_solar')).technical['panelCount'], 87_719);
  assert.equal((await api.projects.updates('prj_sunrise_solar')).data[0]?.attachments[0]?.type, 'image');
  assert.equal((await api.investments.list()).data[0]?.ownershipTokens, 192.3076923);
  assert.equal((await api.investments.get('inv_abc123')).performance.distributionCount, 3);
  assert.equal((await api.portfolio.get()).breakdownByCountry['UK']?.percentage, 30);
  assert.equal((await api.portfolio.get()).topInvestments[0]?.return, 85);
  assert.equal((await api.portfolio.performance({ period: '1y' })).summary.annualizedReturn, 8.2);
  assert.equal((await api.distributions.list({ claimed: true })).data[0]?.userAmount, 15.75);
  assert.equal((await api.distributions.claim('dist_q3_2025')).expectedTransferDate, '2025-11-18');
  assert.equal((await api.user.get()).preferences.notifications?.sms, false);
  assert.equal((await api.user.update({ name: 'Jane Smith' })).name, 'Jane Smith');
  assert.equal((await api.user.kyc()).verifiedAt, '2025-10-15T10:30:00Z');
  assert.equal((await api.user.startKyc({ returnUrl: 'https://yourapp.com' })).applicantId, 'app_xyz789');
  assert.equal((await api.events.list({ after: 'evt_41' })).data[0]?.data['investmentId'], 'inv_xyz789');
});

test('a search names its filters as the document does', async () => {
  const service = new StandIn();

  await service.client().projects.search('solar nevada', { filters: { technology: 'solar', minReturn: 8 } });

  assert.deepEqual(service.seen[0]?.query, {
    q: 'solar nevada',
    'filters[technology]': 'solar',
    'filters[min_return]': '8',
  });
});

test('the key travels in its header', async () => {
  const service = new StandIn();

  await service.client().portfolio.get();

  assert.equal(service.seen[0]?.headers.get('x-api-key'), 'tl_test_key');
  assert.equal(service.seen[0]?.headers.get('authorization'), null);
});

for (const id of ['', '..', 'a/b', 'a?b', 'é']) {
  test(`an id cannot lead to another path: ${JSON.stringify(id)}`, () => {
    const service = new StandIn();

    assert.throws(() => service.client().projects.get(id), /not an id/);
    assert.equal(service.seen.length, 0);
  });
}

for (const amount of [NaN, Infinity]) {
  test(`${amount} is not sent`, () => {
    assert.throws(() => new StandIn().client().investments.create({ projectId: 'prj_a', amount }), /amount/);
  });
}

for (const baseUrl of ['http://api.terralumina.org/v1', 'ftp://127.0.0.1/v1', 'http://127.0.0.1.evil.example/v1', 'v1']) {
  test(`credentials never travel in the clear: ${baseUrl}`, () => {
    assert.throws(() => new TerraLumina({ apiKey: 'key', baseUrl }), /baseUrl/);
  });
}

test('a client is nobody’s or one’s', () => {
  assert.throws(() => new TerraLumina({ baseUrl: BASE_URL }), /one of apiKey/);
  assert.throws(() => new TerraLumina({ apiKey: 'a', accessToken: 'b', baseUrl: BASE_URL }), /one of apiKey/);
});
