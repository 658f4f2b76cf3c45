/** When a call is tried again, and after how long. */

export interface Retry {
  /** The first included; 1: never again. */
  triesMax: number;
  /** At most so long before the second try, doubled each time. */
  backoffMs: number;
  backoffMaxMs: number;
  /** Who is told to wait for longer is given the error at once. */
  retryAfterMaxMs: number;
}

export const RETRY: Retry = { triesMax: 4, backoffMs: 500, backoffMaxMs: 8_000, retryAfterMaxMs: 60_000 };

const TRANSIENT = new Set([500, 502, 503, 504]);

/** How long to wait before the next try; undefined: give up. `chance` is from 0 to 1. */
export function waitMs(retry: Retry, tried: number, retryAfterS: number | undefined, chance: number): number | undefined {
  if (tried >= retry.triesMax) return undefined;
  if (retryAfterS !== undefined) {
    return retryAfterS * 1_000 <= retry.retryAfterMaxMs ? retryAfterS * 1_000 : undefined;
  }
  return Math.min(retry.backoffMaxMs, retry.backoffMs * 2 ** (tried - 1)) * chance;
}

/**
 * Whether another try can neither harm nor be in vain. `status` undefined: no answer came.
 * `isRepeatable`: acting twice is acting once. What was refused for its rate or never sent has not acted.
 */
export function mayBeRepeated(status: number | undefined, isRepeatable: boolean, wasSent: boolean): boolean {
  if (status === undefined) return isRepeatable || !wasSent;
  return status === 429 || (isRepeatable && TRANSIENT.has(status));
}

/** What `Retry-After` says, in seconds, in either of its forms (RFC 9110, section 10.2.3). */
export function retryAfterS(headers: Headers, nowMs: number): number | undefined {
  const said = headers.get('retry-after')?.trim() ?? '';
  if (/^[0-9]+$/.test(said)) return Number(said);
  if (!/^[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [0-9]{4} /.test(said)) return undefined;
  const momentMs = Date.parse(said);
  return Number.isNaN(momentMs) ? undefined : Math.max(0, (momentMs - nowMs) / 1_000);
}
