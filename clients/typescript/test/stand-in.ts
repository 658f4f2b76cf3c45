/** A service that answers with the document's own bodies, and can be told to fail. */

import { readFileSync } from 'node:fs';
import { TerraLumina, type TerraLuminaOptions } from '@terra-lumina/sdk';

export const ROOT = new URL('../../../', import.meta.url);
export const BASE_URL = 'https://api.test/v1';
export const SECOND_PAGE = 'eyJpZCI6MjB9';

const DOCUMENTED = JSON.parse(readFileSync(new URL('tests/clients/documented.json', ROOT), 'utf8')) as Record<
  string,
  { data: unknown; pagination?: object }
>;

export interface Seen {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Headers;
  body: string;
}

export type Fault = { status: number; body?: unknown; headers?: Record<string, string> } | { code: string };

export class StandIn {
  readonly seen: Seen[] = [];
  readonly faults: Fault[] = [];
  readonly slept: number[] = [];
  tokens = 0;
  /** Whether only the token given last is good. */
  tokenEnds = false;

  client(options: TerraLuminaOptions = {}): TerraLumina {
    const credential = options.app ?? options.accessToken ? {} : { apiKey: 'tl_test_key' };
    return new TerraLumina({
      baseUrl: BASE_URL,
      fetch: (url, init) => this.answer(String(url), init ?? {}),
      sleep: async (ms) => void this.slept.push(ms),
      random: () => 1,
      ...credential,
      ...options,
    });
  }

  async answer(url: string, init: RequestInit): Promise<Response> {
    const { pathname, searchParams } = new URL(url);
    const seen = {
      method: init.method ?? 'GET',
      path: pathname.replace('/v1', ''),
      query: Object.fromEntries(searchParams),
      headers: new Headers(init.headers),
      body: String(init.body ?? ''),
    };
    this.seen.push(seen);
    const fault = this.faults.shift();
    if (fault !== undefined && 'code' in fault) throw new TypeError('fetch failed', { cause: { code: fault.code } });
    if (fault !== undefined) {
      const text = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {});
      return new Response(text, { status: fault.status, headers: fault.headers ?? {} });
    }
    return this.#acted(seen);
  }

  async #acted(seen: Seen): Promise<Response> {
    await new Promise((later) => setImmediate(later));
    if (seen.path === '/oauth/token') {
      this.tokens += 1;
      const told = { access_token: `access-${this.tokens}`, refresh_token: `refresh-${this.tokens}` };
      return Response.json({ ...told, token_type: 'Bearer', expires_in: 3600, scope: 'read_profile' });
    }
    if (seen.path === '/oauth/revoke') return Response.json({});
    if (this.tokenEnds && (this.tokens === 0 || seen.headers.get('authorization') !== `Bearer access-${this.tokens}`)) {
      return Response.json({ error: { code: 'AUTHENTICATION_REQUIRED', message: 'ended' } }, { status: 401 });
    }
    const path = seen.path === '/projects/search' ? '/projects' : seen.path;
    for (const [name, body] of Object.entries(DOCUMENTED)) {
      const [method, template = ''] = name.split(' ');
      if (method !== seen.method || !new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path)) continue;
      const isLast = seen.query['cursor'] === SECOND_PAGE;
      return Response.json(isLast ? { ...body, pagination: { ...body.pagination, next_cursor: null, has_more: false } } : body);
    }
    return Response.json({ error: { code: 'RESOURCE_NOT_FOUND', message: 'none' } }, { status: 404 });
  }
}

export function refusal(status: number, code: string, more: object = {}): Fault {
  const details = { payment_source: 'Must be one' };
  return { status, body: { error: { code, message: 'why', details, request_id: 'req_abc123', ...more } } };
}
