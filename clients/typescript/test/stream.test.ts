import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionFailedError, NotFoundError, OAuthApp, ServerError, StreamClosedError, type Socket, type Update } from '@terra-lumina/sdk';
import { StandIn } from './stand-in.js';

type Told = { says: object[]; code: number };
const PONG = { type: 'pong' };
const portfolio = (seq: number) => ({ type: 'portfolio_update', seq, data: { total_value: 5430.25 } });
const project = (seq: number) => ({ type: 'project_update', seq, data: { project_id: 'prj_a' } });

/** Sockets that say what they are told once the client's ping has come, and close. */
function sockets(told: Told[], heard: Record<string, unknown>[][]): new (url: string) => Socket {
  return class extends EventTarget {
    readonly #heard: Record<string, unknown>[] = [];

    constructor(url: string) {
      super();
      assert.equal(url, 'wss://api.test/v1/ws');
      heard.push(this.#heard);
      setImmediate(() => this.dispatchEvent(new Event('open')));
    }

    send(said: string): void {
      this.#heard.push(JSON.parse(said) as Record<string, unknown>);
      if (this.#heard.at(-1)?.['type'] !== 'ping') return;
      const { says, code } = told.shift() ?? { says: [], code: 4000 };
      for (const one of says) this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(one) }));
      this.dispatchEvent(Object.assign(new Event('close'), { code, reason: 'as told' }));
    }

    close(): void {}
  } as unknown as new (url: string) => Socket;
}

async function take(updates: AsyncGenerator<Update>, count: number): Promise<Update[]> {
  const taken: Update[] = [];
  for await (const update of updates) if (taken.push(update) === count) break;
  return taken;
}

test('what channels missed is told in one order and once', async () => {
  const heard: Record<string, unknown>[][] = [];
  const told = [
    { says: [{ type: 'subscribed', after: 3 }, PONG, portfolio(4), portfolio(6)], code: 1012 },
    { says: [portfolio(9), project(7), portfolio(6), project(8), PONG, project(10)], code: 1000 },
  ];
  const service = new StandIn();
  const api = service.client({ accessToken: 'access-0', WebSocket: sockets(told, heard) });

  const updates = await take(api.stream({ portfolio: true, projects: ['prj_a'] }), 6);

  assert.deepEqual(updates.map((update) => update.seq), [4, 6, 7, 8, 9, 10]);
  assert.deepEqual(updates[0]?.data, { totalValue: 5430.25 });
  assert.deepEqual(heard[1], [
    { type: 'auth', token: 'access-0' },
    { type: 'subscribe', channel: 'portfolio', after: 6 },
    { type: 'subscribe', channel: 'project', project_id: 'prj_a', after: 6 },
    { type: 'ping' },
  ]);
  assert.deepEqual(service.slept, [500]);
});

test('pauses grow while nothing is heard, and a refusal ends the stream', async () => {
  const codes = [1013, 1011, 1001].map((code) => ({ says: [], code }));
  const told = [...codes, { says: [PONG, portfolio(1)], code: 1000 }, { says: [], code: 4403 }];
  const service = new StandIn();
  const api = service.client({ accessToken: 'access-0', WebSocket: sockets(told, []) });

  await assert.rejects(take(api.stream({ portfolio: true }), 2), new StreamClosedError(4403, 'as told'));
  assert.deepEqual(service.slept, [500, 1_000, 2_000, 500]);
});

test('who missed too much is told to read the state anew', async () => {
  const told = [{ says: [{ type: 'reset', after: 9000 }, PONG, portfolio(9001)], code: 1000 }];
  const api = new StandIn().client({ accessToken: 'access-0', WebSocket: sockets(told, []) });

  const updates = await take(api.stream({ portfolio: true, after: 1 }), 2);

  assert.deepEqual(updates.map(({ type, seq }) => [type, seq]), [['reset', 9000], ['portfolio_update', 9001]]);
});

test('a token that ended is renewed once', async () => {
  const heard: Record<string, unknown>[][] = [];
  const app = new OAuthApp({ clientId: 'app_1', redirectUri: 'https://yourapp.com/cb' });
  const token = { accessToken: 'access-0', refreshToken: 'refresh-0', expiresAt: 1e15 };
  const told = [4401, 4401].map((code) => ({ says: [], code }));
  const service = new StandIn();
  const api = service.client({ app, token, WebSocket: sockets(told, heard) });

  await assert.rejects(take(api.stream({ portfolio: true }), 1), StreamClosedError);
  assert.deepEqual(heard.map((said) => said[0]?.['token']), ['access-0', 'access-1']);
  assert.equal(service.tokens, 1);
});

test('a connection is opened when there is a token to begin it with', { timeout: 10_000 }, async () => {
  const heard: Record<string, unknown>[][] = [];
  const app = new OAuthApp({ clientId: 'app_1', redirectUri: 'https://yourapp.com/cb' });
  const token = { accessToken: 'access-0', refreshToken: 'refresh-0', expiresAt: 0 };
  const told = [{ says: [PONG, portfolio(1)], code: 1000 }];
  const service = new StandIn();
  const api = service.client({ app, token, WebSocket: sockets(told, heard) });

  service.faults.push({ status: 503 });
  await assert.rejects(take(api.stream({ portfolio: true }), 1), ServerError);
  assert.equal(heard.length, 0); // a socket that nobody talks to would stay open
  const [update] = await take(api.stream({ portfolio: true }), 1);

  assert.equal(update?.seq, 1);
  assert.deepEqual(heard.map((said) => said[0]?.['token']), ['access-1']);
});

for (const [ends, expiresAt, pauses] of [
  ['by its time', 0, [500, 1_000]],
  ['by the service’s word', 1e15, [500, 1_000, 2_000]],
] as const) {
  test(`a stream outlives an outage in which its token ends ${ends}`, { timeout: 10_000 }, async () => {
    const heard: Record<string, unknown>[][] = [];
    const app = new OAuthApp({ clientId: 'app_1', redirectUri: 'https://yourapp.com/cb' });
    const token = { accessToken: 'access-0', refreshToken: 'refresh-0', expiresAt };
    const told = expiresAt === 0 ? [] : [{ says: [], code: 4401 }];
    const service = new StandIn();
    const api = service.client({ app, token, WebSocket: sockets([...told, { says: [PONG, portfolio(1)], code: 1000 }], heard) });

    service.faults.push({ code: 'ENOTFOUND' }, { code: 'ECONNREFUSED' });
    const [update] = await take(api.stream({ portfolio: true }), 1);

    assert.deepEqual([update?.seq, service.tokens, heard.at(-1)?.[0]?.['token']], [1, 1, 'access-1']);
    assert.deepEqual(service.slept, pauses);
  });
}

test('a renewal that may have happened ends the stream', async () => {
  const app = new OAuthApp({ clientId: 'app_1', redirectUri: 'https://yourapp.com/cb' });
  const token = { accessToken: 'access-0', refreshToken: 'refresh-0', expiresAt: 0 };
  const service = new StandIn();
  const api = service.client({ app, token, WebSocket: sockets([], []) });

  service.faults.push({ code: 'ECONNRESET' });
  await assert.rejects(take(api.stream({ portfolio: true }), 1), ConnectionFailedError);
});

test('what cannot be streamed is said at once', async () => {
  const gone = [{ says: [{ type: 'error', code: 'RESOURCE_NOT_FOUND', message: 'prj_a' }], code: 1000 }];
  const api = new StandIn().client({ accessToken: 'access-0', WebSocket: sockets(gone, []) });

  await assert.rejects(take(api.stream({ projects: ['prj_a'] }), 1), NotFoundError);
  await assert.rejects(take(api.stream({}), 1), /subscribe/);
  const byKey = new StandIn().client({ WebSocket: sockets([], []) });
  await assert.rejects(take(byKey.stream({ portfolio: true }), 1), /accessToken/);
});
