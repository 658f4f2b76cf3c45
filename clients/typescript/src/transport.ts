/** How one call is carried out: authorization, retries, errors. */

import { camelCased, snakeCased, snakeName } from './case.js';
import { ConnectionFailedError, errorOf, oauthErrorOf, UnexpectedAnswerError, type ApiError, type Told } from './errors.js';
import { isEnding, tokenOf, type OAuthApp, type Token } from './oauth.js';
import { mayBeRepeated, retryAfterS, waitMs, type Retry } from './retry.js';

export const VERSION = '0.1.0';

export interface Call {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  query?: Record<string, unknown> | undefined;
  /** Of the parameter that asks for the next page; `cursor` where left out. */
  cursorName?: string;
  body?: object;
  idempotencyKey?: string;
  /** Whether acting twice is acting once; true where left out. */
  isRepeatable?: boolean;
}

/** In whose name is called: an API key, a token, or an application with the token of its user. */
export interface Account {
  apiKey?: string | undefined;
  accessToken?: string | undefined;
  app?: OAuthApp | undefined;
  token?: Token | undefined;
  onToken?: ((token: Token) => void | Promise<void>) | undefined;
}

export interface Surroundings {
  fetch: typeof fetch;
  sleep: (ms: number) => Promise<void>;
  random: () => number;
  nowMs: () => number;
}

type Unanswered = { cause: unknown; wasSent: boolean };
type Outcome = Told | Unanswered;

const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);
const ID = /^[A-Za-z0-9_-]{1,200}$/;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export class Transport {
  #renewing: Promise<Token> | undefined;

  constructor(
    readonly baseUrl: string,
    readonly account: Account,
    readonly around: Surroundings,
    private readonly retry: Retry,
    private readonly timeoutMs: number,
  ) {}

  /** What stands under `data`. */
  async one<T>(call: Call): Promise<T> {
    return (await this.answer(call)).data as T;
  }

  /** The whole answer, in camelCase. */
  async answer(call: Call): Promise<{ data: unknown; pagination?: unknown }> {
    const { text } = await this.#carriedOut(call);
    let told: unknown;
    try {
      told = camelCased(JSON.parse(text));
    } catch (cause) {
      throw new UnexpectedAnswerError('not JSON', { cause });
    }
    if (typeof told !== 'object' || told === null || !('data' in told)) {
      throw new UnexpectedAnswerError('there is no data');
    }
    return told;
  }

  /** A call of an OAuth endpoint. It is sent once: a refresh token used twice ends its whole family. */
  async form(path: string, form: Record<string, string>): Promise<string> {
    const headers = { ...commonHeaders(), 'Content-Type': 'application/x-www-form-urlencoded' };
    const outcome = await this.#sent(this.baseUrl + path, 'POST', headers, new URLSearchParams(form).toString());
    if ('cause' in outcome) throw connectionFailed(outcome);
    if (!isSuccess(outcome)) throw oauthErrorOf(outcome);
    return outcome.text;
  }

  /** What a WebSocket is told. */
  async bearer(): Promise<string> {
    await this.#renewEnding();
    const bearer = this.account.token?.accessToken ?? this.account.accessToken;
    if (bearer !== undefined) return bearer;
    throw new TypeError('a stream needs accessToken, or app and token; keys are for requests alone');
  }

  /** One new token, however many calls find the old one stale at once. */
  renew(stale: Token): Promise<Token> {
    const { token } = this.account;
    if (token !== undefined && token !== stale) return Promise.resolve(token);
    this.#renewing ??= this.#renewed(stale).finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async keep(token: Token): Promise<Token> {
    this.account.token = token;
    await this.account.onToken?.(token);
    return token;
  }

  signingApp(): OAuthApp {
    if (this.account.app === undefined) throw new TypeError('a token belongs to an application: give app');
    return this.account.app;
  }

  async #renewed(stale: Token): Promise<Token> {
    const text = await this.form('/oauth/token', this.signingApp().refreshForm(stale));
    return this.keep(tokenOf(text, this.around.nowMs(), stale));
  }

  /** The token, where a new one can be had in its place. */
  renewable(): Token | undefined {
    const { app, token } = this.account;
    return app !== undefined && token?.refreshToken !== undefined ? token : undefined;
  }

  async #renewEnding(): Promise<void> {
    const token = this.renewable();
    if (token !== undefined && isEnding(token, this.around.nowMs())) await this.renew(token);
  }

  #authorization(): Record<string, string> {
    const { apiKey, accessToken, token } = this.account;
    if (apiKey !== undefined) return { 'X-API-Key': apiKey };
    const bearer = token?.accessToken ?? accessToken;
    return bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` };
  }

  async #carriedOut(call: Call): Promise<Told> {
    const url = this.baseUrl + call.path + queryOf(call.query);
    const body = call.body === undefined ? undefined : JSON.stringify(snakeCased(call.body));
    const headers: Record<string, string> = commonHeaders();
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (call.idempotencyKey !== undefined) headers['Idempotency-Key'] = call.idempotencyKey;
    let wasRenewed = false;
    for (let tried = 1; ; ) {
      await this.#renewEnding();
      const token = this.renewable();
      const outcome = await this.#sent(url, call.method, { ...headers, ...this.#authorization() }, body);
      if (!('cause' in outcome) && isSuccess(outcome)) return outcome;
      if (!('cause' in outcome) && outcome.status === 401 && token !== undefined && !wasRenewed) {
        await this.renew(token);
        wasRenewed = true;
        continue;
      }
      await this.around.sleep(this.#pauseMs(outcome, call, tried));
      tried += 1;
    }
  }

  /** How long to wait before the next try; throws where there is none. */
  #pauseMs(outcome: Outcome, call: Call, tried: number): number {
    const isAnswer = !('cause' in outcome);
    const told = isAnswer ? retryAfterS(outcome.headers, this.around.nowMs()) : undefined;
    const error = isAnswer ? errorOf(outcome, told) : connectionFailed(outcome);
    const status = isAnswer ? outcome.status : undefined;
    if (!mayBeRepeated(status, call.isRepeatable ?? true, isAnswer || outcome.wasSent)) throw error;
    const afterS = told ?? (error as Partial<ApiError>).retryAfter;
    const ms = waitMs(this.retry, tried, afterS, this.around.random());
    if (ms === undefined) throw error;
    return ms;
  }

  async #sent(url: string, method: string, headers: Record<string, string>, body?: string): Promise<Outcome> {
    try {
      const answer = await this.around.fetch(url, {
        method,
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(this.timeoutMs),
        ...(body === undefined ? {} : { body }),
      });
      return { status: answer.status, headers: answer.headers, text: await answer.text() };
    } catch (cause) {
      const code = (cause as { cause?: { code?: string } }).cause?.code ?? '';
      return { cause, wasSent: !NEVER_SENT.has(code) };
    }
  }
}

/** As a part of a path; throws where it cannot be an id and would lead elsewhere. */
export function idOf(text: string): string {
  if (!ID.test(text)) throw new TypeError(`not an id: ${JSON.stringify(text)}`);
  return text;
}

/** Without a slash at its end; throws where credentials would travel in the clear. */
export function checkedUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && LOOPBACK.has(url.hostname))) {
    throw new TypeError(`baseUrl: must be https, or http on this machine: ${baseUrl}`);
  }
  return baseUrl.replace(/\/+$/, '');
}

function queryOf(query: Record<string, unknown> = {}): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  if (said.length === 0) return '';
  return `?${new URLSearchParams(said.map(([name, value]) => [snakeName(name), String(value)]))}`;
}

function commonHeaders(): Record<string, string> {
  return { Accept: 'application/json', 'User-Agent': `terra-lumina-js/${VERSION}` };
}

function isSuccess(answer: Told): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function connectionFailed({ cause, wasSent }: Unanswered): ConnectionFailedError {
  const inner = (cause as { cause?: unknown }).cause;
  return new ConnectionFailedError(String(inner ?? cause), { cause }, wasSent);
}
