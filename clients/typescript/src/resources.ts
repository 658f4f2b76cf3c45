/** What the client offers, one class a chapter of the document. */

import { tokenOf, type AuthorizationRequest, type Token } from './oauth.js';
import { PagePromise } from './pages.js';
import { idOf, type Transport } from './transport.js';
import type * as t from './types.js';

export interface ProjectFilters {
  technology?: t.Technology;
  /** US, UK, DE, … */
  country?: string;
  stage?: t.Stage;
  /** Percent a year. */
  minReturn?: number;
  maxRisk?: t.Risk;
}

export interface Limit {
  /** Elements a page. */
  limit?: number;
}

export interface ProjectListing extends ProjectFilters, Limit {
  /** Words of name and description. */
  search?: string;
  sort?: 'newest' | 'funded' | 'rating' | 'return';
}

export interface NewInvestmentOptions {
  projectId: string;
  amount: number;
  /** Left out: the project's. */
  currency?: string;
  /** `stripe` where left out. */
  paymentMethod?: string;
  /** Left out: the person pays on the page at `nextAction.redirectUrl`. */
  paymentSource?: string;
  /** Give your own to make calls of yours one. */
  idempotencyKey?: string;
}

class Resource {
  constructor(protected readonly transport: Transport) {}

  protected read<T>(path: string, query?: object): Promise<T> {
    return this.transport.one<T>({ method: 'GET', path, query: { ...query } });
  }

  protected pages<T>(path: string, query?: object): PagePromise<T> {
    return new PagePromise<T>(this.transport, { method: 'GET', path, query: { ...query } });
  }
}

/** What one can invest in. */
export class Projects extends Resource {
  list(listing: ProjectListing = {}): PagePromise<t.ListedProject> {
    return this.pages('/projects', listing);
  }

  /** The best fit first. */
  search(words: string, options: { filters?: ProjectFilters } & Limit = {}): PagePromise<t.ListedProject> {
    const filters = Object.entries(options.filters ?? {}).map(([name, value]) => [`filters[${name}]`, value]);
    return this.pages('/projects/search', { q: words, limit: options.limit, ...Object.fromEntries(filters) });
  }

  get(projectId: string): Promise<t.Project> {
    return this.read(`/projects/${idOf(projectId)}`);
  }

  /** The newest first. */
  updates(projectId: string, limit: Limit = {}): PagePromise<t.ProjectUpdate> {
    return this.pages(`/projects/${idOf(projectId)}/updates`, limit);
  }
}

/** The person's own. */
export class Investments extends Resource {
  list(
    listing: { projectId?: string; status?: t.InvestmentStatus } & Limit = {},
  ): PagePromise<t.ListedInvestment> {
    return this.pages('/investments', listing);
  }

  get(investmentId: string): Promise<t.Investment> {
    return this.read(`/investments/${idOf(investmentId)}`);
  }

  /** Invest; pending until it is paid. Tries of one call share a key and invest once. */
  create(options: NewInvestmentOptions): Promise<t.NewInvestment> {
    const { idempotencyKey = crypto.randomUUID(), ...wanted } = options;
    if (!Number.isFinite(wanted.amount)) throw new TypeError(`amount: not a number: ${wanted.amount}`);
    const body = { paymentMethod: 'stripe', ...wanted };
    return this.transport.one({ method: 'POST', path: '/investments', body, idempotencyKey });
  }
}

/** The sum of the person's investments. */
export class Portfolio extends Resource {
  get(): Promise<t.Portfolio> {
    return this.read('/portfolio');
  }

  performance(
    options: { period?: '1m' | '3m' | '6m' | '1y' | 'all'; granularity?: 'daily' | 'weekly' | 'monthly' } = {},
  ): Promise<t.PortfolioPerformance> {
    return this.read('/portfolio/performance', options);
  }
}

/** What the projects pay out to the person. */
export class Distributions extends Resource {
  list(listing: { projectId?: string; claimed?: boolean } & Limit = {}): PagePromise<t.Distribution> {
    return this.pages('/distributions', listing);
  }

  /** Have it paid out; claimed again, it is the same claim. */
  claim(
    distributionId: string,
    options: { paymentMethod?: string; idempotencyKey?: string } = {},
  ): Promise<t.Claim> {
    const { idempotencyKey = crypto.randomUUID(), paymentMethod = 'bank_transfer' } = options;
    const path = `/distributions/${idOf(distributionId)}/claim`;
    return this.transport.one({ method: 'POST', path, body: { paymentMethod }, idempotencyKey });
  }
}

/** The person in whose name is called. */
export class UserAccount extends Resource {
  get(): Promise<t.User> {
    return this.read('/user/me');
  }

  /** What is left out stays as it is. */
  update(changes: { name?: string; preferences?: t.Preferences }): Promise<t.ChangedUser> {
    return this.transport.one({ method: 'PATCH', path: '/user/me', body: changes });
  }

  kyc(): Promise<t.KycStatus> {
    return this.read('/user/me/kyc');
  }

  /** Begin a verification. It is not tried again where the first try may have begun one. */
  startKyc(options: { returnUrl: string; provider?: string }): Promise<t.KycSession> {
    const idempotencyKey = crypto.randomUUID();
    const body = { provider: 'onfido', ...options };
    const call = { method: 'POST', path: '/user/me/kyc', body, idempotencyKey } as const;
    return this.transport.one({ ...call, isRepeatable: false });
  }
}

/** What webhooks delivered, for those who missed some. */
export class Events extends Resource {
  /** Oldest first, behind the event whose id is `after`. */
  list(options: { after?: string } & Limit = {}): PagePromise<t.Event> {
    return new PagePromise(this.transport, {
      method: 'GET',
      path: '/events',
      query: { ...options },
      cursorName: 'after',
    });
  }
}

/** The token of the application's user. */
export class OAuth extends Resource {
  /** Sign the client in with what the person came back with. */
  async finish(callbackUrl: string, request: AuthorizationRequest): Promise<Token> {
    const app = this.transport.signingApp();
    const form = app.exchangeForm(app.codeOf(callbackUrl, request), request.codeVerifier);
    const text = await this.transport.form('/oauth/token', form);
    return this.transport.keep(tokenOf(text, this.transport.around.nowMs()));
  }

  /** Renew the token now; calls do so by themselves. */
  async refresh(): Promise<Token> {
    return this.transport.renew(this.#signedIn());
  }

  /** End the token, and all that came of the same consent. */
  async revoke(): Promise<void> {
    const form = this.transport.signingApp().revokeForm(this.#signedIn());
    await this.transport.form('/oauth/revoke', form);
    this.transport.account.token = undefined;
  }

  #signedIn(): Token {
    const { token } = this.transport.account;
    if (token === undefined) {
      throw new TypeError('nobody has signed in: give token, or finish an authorization request');
    }
    return token;
  }
}
