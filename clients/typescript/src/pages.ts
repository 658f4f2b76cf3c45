/** Lists: a page when awaited, everything when walked through with `for await`. */

import { UnexpectedAnswerError } from './errors.js';
import type { Call, Transport } from './transport.js';

export interface Pagination {
  /** null on the last page. */
  nextCursor: string | null;
  hasMore: boolean;
  /** Of the whole list as filtered; left out: not counted. */
  total?: number;
}

/** One page. `for … of` walks through it, `for await … of` through it and all that follow. */
export class Page<T> implements Iterable<T>, AsyncIterable<T> {
  readonly #transport: Transport;
  readonly #call: Call;

  constructor(
    transport: Transport,
    call: Call,
    readonly data: readonly T[],
    readonly pagination: Pagination,
  ) {
    this.#transport = transport;
    this.#call = call;
  }

  get length(): number {
    return this.data.length;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.data[Symbol.iterator]();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const seen = new Set<string>();
    for (let page: Page<T> | undefined = this; page !== undefined; page = await page.next()) {
      yield* page.data;
      const { nextCursor } = page.pagination;
      if (nextCursor !== null && seen.has(nextCursor)) {
        throw new UnexpectedAnswerError('the list leads back to where it was');
      }
      seen.add(nextCursor ?? '');
    }
  }

  /** undefined behind the last page. */
  async next(): Promise<Page<T> | undefined> {
    const { nextCursor, hasMore } = this.pagination;
    if (!hasMore || nextCursor === null) return undefined;
    const name = this.#call.cursorName ?? 'cursor';
    return pageOf<T>(this.#transport, { ...this.#call, query: { ...this.#call.query, [name]: nextCursor } });
  }
}

/** Asks for nothing until it is awaited or walked through. */
export class PagePromise<T> implements PromiseLike<Page<T>>, AsyncIterable<T> {
  readonly #ask: () => Promise<Page<T>>;
  #first: Promise<Page<T>> | undefined;

  constructor(transport: Transport, call: Call) {
    this.#ask = () => pageOf<T>(transport, call);
  }

  then<A = Page<T>, B = never>(
    kept?: ((page: Page<T>) => A | PromiseLike<A>) | null,
    broken?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return (this.#first ??= this.#ask()).then(kept, broken);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this;
  }
}

async function pageOf<T>(transport: Transport, call: Call): Promise<Page<T>> {
  const { data, pagination } = await transport.answer(call);
  if (!Array.isArray(data) || typeof pagination !== 'object' || pagination === null) {
    throw new UnexpectedAnswerError('not a page');
  }
  const { nextAfter, nextCursor = nextAfter ?? null, ...rest } = pagination as Pagination & { nextAfter?: string };
  return new Page<T>(transport, call, data as T[], { ...rest, nextCursor });
}
