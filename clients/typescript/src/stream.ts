/**
 * The WebSocket. Updates are numbered by `seq`: a stream that lost its connection asks for what lies above the
 * last number it saw, so nothing is missed and nothing told twice.
 */

import { camelCased } from './case.js';
import { ConnectionFailedError, NotFoundError, StreamClosedError, UnexpectedAnswerError } from './errors.js';
import type { Token } from './oauth.js';
import { idOf, type Transport } from './transport.js';
import type { Update } from './types.js';

const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** Close codes after which connecting again helps: going away, lost, failed, restarting, full. */
const RETRIED_CLOSES = new Set([1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014]);

/** The close code of this API for a token that is no longer good. */
const TOKEN_ENDED = 4401;

/** As much of the standard WebSocket as is used. */
export interface Socket {
  send(said: string): void;
  close(): void;
  addEventListener(type: 'open' | 'error', heard: () => void): void;
  addEventListener(type: 'message', heard: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', heard: (event: { code: number; reason: string }) => void): void;
}

export type SocketClass = new (url: string) => Socket;

export interface StreamOptions {
  portfolio?: boolean;
  /** Ids. */
  projects?: readonly string[];
  /** Begin behind the update with this `seq`, as kept from an earlier stream; left out: begin now. */
  after?: number;
}

type Heard = { said: string } | { code: number; reason: string };

/** What changes, as it happens, without end; connects again by itself and misses nothing meanwhile. */
export async function* streamed(
  transport: Transport,
  kind: SocketClass,
  options: StreamOptions,
): AsyncGenerator<Update, void, undefined> {
  const story = new Story(options);
  const url = `ws${transport.baseUrl.slice('http'.length)}/ws`;
  /** The service no longer takes it. */
  let ended: Token | undefined;
  /** The last token that was got because the service no longer took the one before. */
  let renewed: Token | undefined;
  let failures = 0;
  const pause = () => {
    const most = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** failures);
    failures += 1;
    return transport.around.sleep(most * transport.around.random());
  };
  for (;;) {
    let token: string; // before the socket, which would open with nobody listening
    try {
      if (ended !== undefined) renewed = await transport.renew(ended);
      ended = undefined;
      token = await transport.bearer();
    } catch (error) {
      if (!(error instanceof ConnectionFailedError) || error.wasSent) throw error;
      await pause();
      continue;
    }
    const connection = new Connection(new kind(url), story.greeting(token));
    try {
      for (;;) {
        const heard = await connection.next();
        if ('code' in heard) {
          const stale = transport.renewable();
          if (heard.code === TOKEN_ENDED && stale !== undefined && stale !== renewed) {
            ended = stale;
          } else if (!RETRIED_CLOSES.has(heard.code)) {
            throw new StreamClosedError(heard.code, heard.reason);
          }
          break;
        }
        const updates = story.heard(heard.said);
        if (!story.isCatchingUp) failures = 0;
        yield* updates;
      }
    } finally {
      connection.close();
    }
    await pause();
  }
}

interface Message {
  type: string;
  data?: unknown;
  seq?: number;
  after?: number;
  message?: string;
  code?: string;
}

/** One stream over all its connections. */
class Story {
  readonly #channels: readonly object[];
  /** Up to here everything was told; undefined: nothing yet. */
  #seq: number | undefined;
  /** What channels catch up with, one after another; undefined: all of them have. */
  #missed: Map<number, Update> | undefined;

  constructor(options: StreamOptions) {
    this.#channels = channelsOf(options);
    this.#seq = options.after;
  }

  get isCatchingUp(): boolean {
    return this.#missed !== undefined;
  }

  /** What is said first on a new connection; the ping's answer ends the catching up. */
  greeting(token: string): object[] {
    this.#missed = new Map();
    const after = this.#seq === undefined ? {} : { after: this.#seq };
    const subscriptions = this.#channels.map((channel) => ({ type: 'subscribe', ...channel, ...after }));
    return [{ type: 'auth', token }, ...subscriptions, { type: 'ping' }];
  }

  /** What is new by it, in order of `seq`. */
  heard(said: string): Update[] {
    const message = messageOf(said);
    if (message.type === 'pong') {
      const missed = [...(this.#missed?.values() ?? [])].sort((one, other) => one.seq - other.seq);
      this.#missed = undefined;
      return missed.filter((update) => this.#isNew(update));
    }
    if (message.type === 'subscribed') this.#seq ??= message.after;
    const isReset = message.type === 'reset';
    const seq = isReset ? message.after : message.seq;
    if (seq === undefined || !(isReset || message.type.endsWith('_update'))) return [];
    const update = { type: message.type, data: camelCased(message.data ?? {}) as Update['data'], seq };
    if (this.#missed === undefined) return this.#isNew(update) ? [update] : [];
    this.#missed.set(seq, update);
    return [];
  }

  #isNew(update: Update): boolean {
    if (this.#seq !== undefined && update.seq <= this.#seq && update.type !== 'reset') return false;
    this.#seq = update.seq;
    return true;
  }
}

function channelsOf(options: StreamOptions): object[] {
  const portfolio = options.portfolio === true ? [{ channel: 'portfolio' }] : [];
  const projects = (options.projects ?? []).map((id) => {
    return { channel: 'project', project_id: idOf(id) };
  });
  if (portfolio.length + projects.length === 0) throw new TypeError('subscribe to the portfolio or to a project');
  return [...portfolio, ...projects];
}

function messageOf(said: string): Message {
  let message: Message;
  try {
    message = JSON.parse(said) as Message;
  } catch (cause) {
    throw new UnexpectedAnswerError('stream: not JSON', { cause });
  }
  if (typeof message?.type !== 'string') throw new UnexpectedAnswerError('stream: not a message');
  if (message.type !== 'error') return message;
  const told = message.message ?? '';
  if (message.code !== 'RESOURCE_NOT_FOUND') throw new UnexpectedAnswerError(`stream: ${told}`);
  const unsaid = { details: {}, requestId: undefined, retryAfter: undefined };
  throw new NotFoundError({ status: 404, code: message.code, message: told, ...unsaid });
}

/** One connection; what is heard waits until it is asked for. */
class Connection {
  readonly #socket: Socket;
  readonly #heard: Heard[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: Socket, greeting: readonly object[]) {
    this.#socket = socket;
    socket.addEventListener('open', () => greeting.forEach((said) => socket.send(JSON.stringify(said))));
    socket.addEventListener('message', ({ data }) => this.#hear({ said: String(data) }));
    socket.addEventListener('close', ({ code, reason }) => this.#hear({ code, reason }));
    socket.addEventListener('error', () => undefined); // a close follows
  }

  async next(): Promise<Heard> {
    for (;;) {
      const heard = this.#heard.shift();
      if (heard !== undefined) return heard;
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  close(): void {
    this.#socket.close();
  }

  #hear(heard: Heard): void {
    this.#heard.push(heard);
    this.#wake();
  }
}
