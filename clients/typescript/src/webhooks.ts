/**
 * Whether a delivery is Terra Lumina's. `X-TerraLumina-Signature` covers the body alone: whoever saw a
 * delivery once can send it again. The signature of Standard Webhooks covers its id and time, too.
 */

import { camelCased } from './case.js';
import { UnexpectedAnswerError, WebhookVerificationError } from './errors.js';
import type { Event } from './types.js';

const SECRET_PREFIX = 'whsec_';
const TOLERANCE_S = 300;

type Bytes = Uint8Array<ArrayBuffer>;
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/**
 * Whether `X-TerraLumina-Signature` is the body's.
 * @throws TypeError the secret is empty, with which anybody could sign.
 */
export async function verifyWebhook(payload: string | Uint8Array, signature: string, secret: string): Promise<boolean> {
  if (secret === '') throw new TypeError('give the secret of the webhook');
  if (!/^[0-9a-f]{64}$/.test(signature)) return false;
  const mac = Uint8Array.from(signature.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return isMac(await keyOf(new TextEncoder().encode(secret)), mac, bytesOf(payload));
}

export interface WebhookOptions {
  toleranceS?: number;
  nowMs?: () => number;
}

/** An endpoint of yours. After a rotation give the new secret and the old one. */
export class Webhook {
  readonly #secrets: readonly Bytes[];
  readonly #toleranceS: number;
  readonly #nowMs: () => number;

  constructor(secrets: string | readonly string[], options: WebhookOptions = {}) {
    this.#secrets = (typeof secrets === 'string' ? [secrets] : secrets).map(secretBytes);
    if (this.#secrets.length === 0) throw new TypeError('give the secret of the webhook');
    this.#toleranceS = options.toleranceS ?? TOLERANCE_S;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /**
   * What was delivered. `body` must be as it came, before any parsing. Deliveries are repeated until they are
   * answered with 2xx: act once for each `event.id`.
   * @throws WebhookVerificationError not signed with the secret, or not lately.
   */
  async verify(body: string | Uint8Array, headers: WebhookHeaders): Promise<Event> {
    const id = headerOf(headers, 'webhook-id');
    const sentAt = headerOf(headers, 'webhook-timestamp');
    if (id === '' || !/^[0-9]{1,15}$/.test(sentAt)) {
      throw new WebhookVerificationError('webhook-id or webhook-timestamp is missing');
    }
    if (Math.abs(this.#nowMs() / 1_000 - Number(sentAt)) > this.#toleranceS) {
      throw new WebhookVerificationError('webhook-timestamp is too far from now');
    }
    const raw = bytesOf(body);
    const signed = joined(new TextEncoder().encode(`${id}.${sentAt}.`), raw);
    const macs = headerOf(headers, 'webhook-signature')
      .split(' ')
      .filter((one) => one.startsWith('v1,'))
      .flatMap((one) => fromBase64(one.slice(3)) ?? []);
    for (const secret of this.#secrets) {
      const key = await keyOf(secret);
      for (const mac of macs) if (await isMac(key, mac, signed)) return eventOf(raw);
    }
    throw new WebhookVerificationError("webhook-signature is not the secret's");
  }
}

function eventOf(raw: Bytes): Event {
  try {
    const event = camelCased(JSON.parse(new TextDecoder().decode(raw))) as Event;
    if (typeof event.id === 'string' && typeof event.type === 'string') return event;
  } catch (cause) {
    throw new UnexpectedAnswerError('not an event', { cause });
  }
  throw new UnexpectedAnswerError('not an event');
}

function secretBytes(secret: string): Bytes {
  const bytes = fromBase64(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret);
  if (bytes === undefined) throw new TypeError(`a secret is ${SECRET_PREFIX} and base64`);
  if (bytes.length === 0) throw new TypeError('the secret is empty: anybody could sign with it');
  return bytes;
}

function keyOf(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

/** In constant time. */
function isMac(key: CryptoKey, mac: Bytes, said: Bytes): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, mac, said);
}

function headerOf(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const found = Object.entries(headers).find(([sent]) => sent.toLowerCase() === name)?.[1] ?? '';
  return Array.isArray(found) ? found.join(' ') : found;
}

function bytesOf(body: string | Uint8Array): Bytes {
  return typeof body === 'string' ? new TextEncoder().encode(body) : Uint8Array.from(body);
}

function fromBase64(text: string): Bytes | undefined {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Bytes {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
