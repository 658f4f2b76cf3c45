import type { OAuthApp, Token } from './oauth.js';
import { Distributions, Events, Investments, OAuth, Portfolio, Projects, UserAccount } from './resources.js';
import { RETRY, type Retry } from './retry.js';
import { streamed, type SocketClass, type StreamOptions } from './stream.js';
import { checkedUrl, Transport } from './transport.js';
import type { Update } from './types.js';

export const PRODUCTION_URL = 'https://api.terralumina.org/v1';
export const SANDBOX_URL = 'https://sandbox-api.terralumina.org/v1';

export interface TerraLuminaOptions {
  /** One of `apiKey`, `accessToken` and `app`; none of them: the key is in `TERRA_LUMINA_API_KEY`. */
  apiKey?: string;
  accessToken?: string;
  app?: OAuthApp;
  /** Of the application's user, as it was kept. */
  token?: Token;
  /** Told of each new token. */
  onToken?: (token: Token) => void | Promise<void>;
  /** `TERRA_LUMINA_BASE_URL` where left out, else production. */
  baseUrl?: string;
  timeoutMs?: number;
  retry?: Partial<Retry>;
  fetch?: typeof fetch;
  /** The global one where left out; Node has it from version 22. */
  WebSocket?: SocketClass;
  sleep?: (ms: number) => Promise<void>;
  /** From 0 to 1. */
  random?: () => number;
  nowMs?: () => number;
}

export class TerraLumina {
  readonly projects: Projects;
  readonly investments: Investments;
  readonly portfolio: Portfolio;
  readonly distributions: Distributions;
  readonly user: UserAccount;
  readonly events: Events;
  readonly oauth: OAuth;
  readonly #transport: Transport;
  readonly #socketClass: SocketClass | undefined;

  constructor(options: TerraLuminaOptions = {}) {
    const { accessToken, app, token, onToken } = options;
    const isNobody = options.apiKey === undefined && accessToken === undefined && app === undefined;
    const apiKey = isNobody ? environment('TERRA_LUMINA_API_KEY') : options.apiKey;
    if ([apiKey, accessToken, app].filter((one) => one !== undefined).length !== 1) {
      throw new TypeError('give one of apiKey, accessToken and app, or set TERRA_LUMINA_API_KEY');
    }
    const around = {
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      sleep: options.sleep ?? ((ms: number) => new Promise<void>((wake) => setTimeout(wake, ms))),
      random: options.random ?? Math.random,
      nowMs: options.nowMs ?? Date.now,
    };
    this.#transport = new Transport(
      checkedUrl(options.baseUrl ?? environment('TERRA_LUMINA_BASE_URL') ?? PRODUCTION_URL),
      { apiKey, accessToken, app, token, onToken },
      around,
      { ...RETRY, ...options.retry },
      options.timeoutMs ?? 30_000,
    );
    this.#socketClass = options.WebSocket ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
    this.projects = new Projects(this.#transport);
    this.investments = new Investments(this.#transport);
    this.portfolio = new Portfolio(this.#transport);
    this.distributions = new Distributions(this.#transport);
    this.user = new UserAccount(this.#transport);
    this.events = new Events(this.#transport);
    this.oauth = new OAuth(this.#transport);
  }

  /** What changes, as it happens, without end; connects again by itself and misses nothing meanwhile. */
  stream(options: StreamOptions): AsyncGenerator<Update, void, undefined> {
    if (this.#socketClass === undefined) throw new TypeError('there is no global WebSocket: give one');
    return streamed(this.#transport, this.#socketClass, options);
  }
}

/** undefined where there is none, as in a browser. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name];
}
