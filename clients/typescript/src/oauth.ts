/** OAuth 2.0 for applications that act for their users: the code flow with PKCE (RFC 6749, 7636). */

import { OAuthError, UnexpectedAnswerError } from './errors.js';

/** A token is renewed while it still works for so long, so that it does not end on its way. */
const RENEWED_BEFORE_END_MS = 30_000;

/** Keep it as secretly as a password. */
export interface Token {
  accessToken: string;
  /** Epoch milliseconds. */
  expiresAt: number;
  refreshToken?: string | undefined;
  scope?: string | undefined;
}

/** Where to send the person, and what to keep in their session until they come back. */
export interface AuthorizationRequest {
  url: string;
  state: string;
  codeVerifier: string;
}

/** An application as it was registered. */
export interface OAuthAppOptions {
  clientId: string;
  redirectUri: string;
  /** Left out: a public client, which keeps no secret. */
  clientSecret?: string;
  authorizeUrl?: string;
}

export class OAuthApp {
  readonly #options: OAuthAppOptions;

  constructor(options: OAuthAppOptions) {
    this.#options = options;
  }

  /** A new one for each person and try. */
  async authorizationRequest(scopes: readonly string[]): Promise<AuthorizationRequest> {
    const codeVerifier = randomText(48);
    const state = randomText(24);
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier));
    const query = new URLSearchParams({
      client_id: this.#options.clientId,
      response_type: 'code',
      redirect_uri: this.#options.redirectUri,
      scope: scopes.join(' '),
      state,
      code_challenge: base64Url(new Uint8Array(digest)),
      code_challenge_method: 'S256',
    });
    const url = this.#options.authorizeUrl ?? 'https://terralumina.org/oauth/authorize';
    return { url: `${url}?${query}`, state, codeVerifier };
  }

  /**
   * The code that a person came back with.
   * @throws OAuthError they refused, or they did not come back from this request.
   */
  codeOf(callbackUrl: string, request: AuthorizationRequest): string {
    const sent = new URL(callbackUrl).searchParams;
    if (sent.get('state') !== request.state) {
      throw new OAuthError('invalid_state', 'the answer belongs to another request');
    }
    const error = sent.get('error');
    if (error !== null) throw new OAuthError(error, sent.get('error_description') ?? undefined);
    const code = sent.get('code');
    if (code === null) throw new OAuthError('invalid_response', 'there is no code');
    return code;
  }

  /** @internal */
  exchangeForm(code: string, codeVerifier: string): Record<string, string> {
    const form = { grant_type: 'authorization_code', code, redirect_uri: this.#options.redirectUri };
    return { ...form, code_verifier: codeVerifier, ...this.#client() };
  }

  /** @internal */
  refreshForm(token: Token): Record<string, string> {
    if (token.refreshToken === undefined) {
      throw new OAuthError('invalid_grant', 'the token has ended, and there is no refresh token');
    }
    return { grant_type: 'refresh_token', refresh_token: token.refreshToken, ...this.#client() };
  }

  /** With the refresh token all that came of the same consent ends. @internal */
  revokeForm(token: Token): Record<string, string> {
    return { token: token.refreshToken ?? token.accessToken, ...this.#client() };
  }

  #client(): Record<string, string> {
    const { clientId, clientSecret } = this.#options;
    return { client_id: clientId, ...(clientSecret === undefined ? {} : { client_secret: clientSecret }) };
  }
}

export function isEnding(token: Token, nowMs: number): boolean {
  return nowMs >= token.expiresAt - RENEWED_BEFORE_END_MS;
}

/** The token that the endpoint answered with; what it does not say anew stays as it was `before`. */
export function tokenOf(text: string, nowMs: number, before?: Token): Token {
  let told: Record<string, unknown>;
  try {
    told = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new UnexpectedAnswerError('token endpoint: not JSON', { cause });
  }
  const { access_token: accessToken, expires_in: expiresIn } = told;
  if (typeof accessToken !== 'string' || typeof expiresIn !== 'number') {
    throw new UnexpectedAnswerError('token endpoint: no token');
  }
  return {
    accessToken,
    expiresAt: nowMs + expiresIn * 1_000,
    refreshToken: (told['refresh_token'] as string | undefined) ?? before?.refreshToken,
    scope: (told['scope'] as string | undefined) ?? before?.scope,
  };
}

function randomText(bytes: number): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
