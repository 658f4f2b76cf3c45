import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { UnexpectedAnswerError, verifyWebhook, Webhook, WebhookVerificationError } from '@terra-lumina/sdk';

// The vector of the Standard Webhooks specification's libraries.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const SENT_AT_S = 1614265330;
const VECTOR = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

const BODY = '{"id":"evt_abc123","type":"investment.completed","created_at":"2025-11-15T14:30:00Z","data":{"user_id":"usr_1"}}';

function headers(body: string, secret = SECRET): Record<string, string> {
  const mac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`${ID}.${SENT_AT_S}.${body}`);
  return { 'Webhook-Id': ID, 'Webhook-Timestamp': `${SENT_AT_S}`, 'Webhook-Signature': `v1,${mac.digest('base64')}` };
}

function webhook(secrets: string | string[] = SECRET, offS = 0): Webhook {
  return new Webhook(secrets, { nowMs: () => (SENT_AT_S + offS) * 1_000 });
}

test('the specification’s own vector is signed', async () => {
  const sent = { 'webhook-id': ID, 'webhook-timestamp': `${SENT_AT_S}`, 'webhook-signature': VECTOR };

  await assert.rejects(webhook().verify('{"test": 2432232314}', sent), UnexpectedAnswerError);
  await assert.rejects(webhook().verify('{"test": 2432232315}', sent), WebhookVerificationError);
});

test('a signed delivery is its event, however body and headers come', async () => {
  for (const body of [BODY, Buffer.from(BODY)]) {
    for (const sent of [headers(BODY), new Headers(headers(BODY))]) {
      const event = await webhook().verify(body, sent);
      assert.deepEqual([event.id, event.type, event.data], ['evt_abc123', 'investment.completed', { userId: 'usr_1' }]);
    }
  }
});

test('an old delivery is not believed again', async () => {
  for (const offS of [-300, 300]) await webhook(SECRET, offS).verify(BODY, headers(BODY));
  for (const offS of [-301, 301]) {
    await assert.rejects(webhook(SECRET, offS).verify(BODY, headers(BODY)), WebhookVerificationError);
  }
});

for (const change of [
  { 'Webhook-Id': 'another' },
  { 'Webhook-Id': '' },
  { 'Webhook-Timestamp': `${SENT_AT_S + 1}` },
  { 'Webhook-Timestamp': 'now' },
  { 'Webhook-Signature': '' },
  { 'Webhook-Signature': VECTOR },
  { 'Webhook-Signature': 'v1,é' },
  { 'Webhook-Signature': headers(BODY)['Webhook-Signature']?.slice(3) ?? '' },
]) {
  test(`a changed header is seen: ${JSON.stringify(change)}`, async () => {
    await assert.rejects(webhook().verify(BODY, { ...headers(BODY), ...change }), WebhookVerificationError);
  });
}

test('during a rotation either secret will do', async () => {
  const other = 'whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcg';
  const both = `${headers(BODY, other)['Webhook-Signature']} ${headers(BODY)['Webhook-Signature']}`;

  await webhook([other, SECRET]).verify(BODY, headers(BODY));
  await webhook().verify(BODY, { ...headers(BODY), 'Webhook-Signature': both });
  await assert.rejects(webhook(other).verify(BODY, headers(BODY)), WebhookVerificationError);
});

test('a secret is as the portal shows it', () => {
  for (const none of [[], 'whsec_not base64!', '', 'whsec_', [SECRET, '']]) {
    assert.throws(() => new Webhook(none), /secret/);
  }
});

test('the document’s own header', async () => {
  const signature = createHmac('sha256', SECRET).update(BODY).digest('hex');

  assert.equal(await verifyWebhook(BODY, signature, SECRET), true);
  assert.equal(await verifyWebhook(Buffer.from(BODY), signature, SECRET), true);
  assert.equal(await verifyWebhook(`${BODY} `, signature, SECRET), false);
  assert.equal(await verifyWebhook(BODY, `${signature.slice(1)}x`, SECRET), false);
  assert.equal(await verifyWebhook(BODY, '', SECRET), false);
  await assert.rejects(verifyWebhook(BODY, signature, ''), /secret/);
});
