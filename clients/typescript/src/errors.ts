/**
 * What can go wrong.
 *
 * TerraLuminaError
 *   ConnectionFailedError, UnexpectedAnswerError, OAuthError, WebhookVerificationError, StreamClosedError
 *   ApiError
 *     InvalidRequestError, AuthenticationError, PermissionDeniedError, NotFoundError, ValidationError,
 *     InsufficientFundsError, InvestmentUnavailableError, KycRequiredError, RateLimitError, ServerError
 */

import { camelCased } from './case.js';

export class TerraLuminaError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No answer came, however often it was tried; what was asked for may have happened all the same. */
export class ConnectionFailedError extends TerraLuminaError {
  /** @param wasSent false: the last try never left, so that did not happen. */
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly wasSent = true,
  ) {
    super(message, options);
  }
}

/** An answer that the document does not know. */
export class UnexpectedAnswerError extends TerraLuminaError {}

/** Not signed with the secret, or not lately. */
export class WebhookVerificationError extends TerraLuminaError {}

/** The service closed the stream, and would again. */
export class StreamClosedError extends TerraLuminaError {
  /** @param code WebSocket close code. */
  constructor(
    readonly code: number,
    readonly reason: string,
  ) {
    super(`${code} ${reason}`.trim());
  }
}

/** RFC 6749, section 5.2, or section 4.1.2.1 where the person was sent back with it. */
export class OAuthError extends TerraLuminaError {
  constructor(
    readonly error: string,
    readonly description?: string,
  ) {
    super(description === undefined ? error : `${error}: ${description}`);
  }
}

export interface Refusal {
  status: number;
  /** Empty where the answer was not the document's. */
  code: string;
  message: string;
  /** By field. */
  details: Record<string, unknown>;
  /** What support asks for. */
  requestId: string | undefined;
  /** Seconds to wait before the next try; undefined: not said. */
  retryAfter: number | undefined;
}

/** The API refused. */
export class ApiError extends TerraLuminaError implements Refusal {
  readonly status: number;
  readonly code: string;
  readonly details: Record<string, unknown>;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.status = refusal.status;
    this.code = refusal.code;
    this.details = refusal.details;
    this.requestId = refusal.requestId;
    this.retryAfter = refusal.retryAfter;
  }
}

export class InvalidRequestError extends ApiError {}
export class AuthenticationError extends ApiError {}
export class PermissionDeniedError extends ApiError {}
export class NotFoundError extends ApiError {}
export class ValidationError extends ApiError {}
export class InsufficientFundsError extends ApiError {}
export class InvestmentUnavailableError extends ApiError {}
export class KycRequiredError extends ApiError {}
export class RateLimitError extends ApiError {}
export class ServerError extends ApiError {}

const BY_CODE = new Map<string, typeof ApiError>([
  ['INVALID_REQUEST', InvalidRequestError],
  ['AUTHENTICATION_REQUIRED', AuthenticationError],
  ['INSUFFICIENT_PERMISSIONS', PermissionDeniedError],
  ['RESOURCE_NOT_FOUND', NotFoundError],
  ['VALIDATION_ERROR', ValidationError],
  ['INSUFFICIENT_FUNDS', InsufficientFundsError],
  ['INVESTMENT_UNAVAILABLE', InvestmentUnavailableError],
  ['KYC_REQUIRED', KycRequiredError],
  ['RATE_LIMIT_EXCEEDED', RateLimitError],
]);
const BY_STATUS = new Map<number, typeof ApiError>([
  [400, InvalidRequestError],
  [401, AuthenticationError],
  [403, PermissionDeniedError],
  [404, NotFoundError],
  [422, ValidationError],
  [429, RateLimitError],
]);

export interface Told {
  status: number;
  headers: Headers;
  text: string;
}

/** The error that an answer which is no success stands for; `retryAfterS` as its header says. */
export function errorOf(answer: Told, retryAfterS?: number): TerraLuminaError {
  if (answer.status < 400) return new UnexpectedAnswerError(`status ${answer.status}`);
  const told = camelCased(parsed(answer.text)) as { error?: Partial<Refusal> } | undefined;
  const error = typeof told?.error === 'object' ? told.error : {};
  const code = typeof error.code === 'string' ? error.code : '';
  const byStatus = answer.status >= 500 ? ServerError : (BY_STATUS.get(answer.status) ?? ApiError);
  return new (BY_CODE.get(code) ?? byStatus)({
    status: answer.status,
    code,
    message: error.message ?? `status ${answer.status}`,
    details: error.details ?? {},
    requestId: error.requestId ?? answer.headers.get('x-request-id') ?? undefined,
    retryAfter: retryAfterS ?? error.retryAfter,
  });
}

/** The error that a refusal of the token endpoint stands for. */
export function oauthErrorOf(answer: Told): TerraLuminaError {
  const told = parsed(answer.text) as { error?: unknown; error_description?: string } | undefined;
  return typeof told?.error === 'string' ? new OAuthError(told.error, told.error_description) : errorOf(answer);
}

/** undefined: not an object of JSON. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
